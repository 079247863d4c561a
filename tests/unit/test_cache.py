# SPDX-License-Identifier: Apache-2.0
import errno
import fcntl
import os
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tests.unit import users
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.util import cache, durability
from vhost_tempest_plugin.util.progress import silent
from vhost_tempest_plugin.util.waiting import wait_for


@contextmanager
def recorded() -> Iterator[list[tuple[str, Path]]]:
    """What is flushed and named, in order."""
    calls: list[tuple[str, Path]] = []

    def note(name: str, then: Callable[..., object]) -> Callable[..., object]:
        def noted(path: Path, *rest: object) -> object:
            calls.append((name, path))
            return then(path, *rest)

        return noted

    with (
        mock.patch.object(durability, "flush", note("fsync", durability.flush)),
        mock.patch.object(
            durability, "flush_file_system", note("syncfs", durability.flush_file_system)
        ),
        mock.patch.object(Path, "replace", note("replace", Path.replace)),
        mock.patch.object(Path, "rmdir", note("rmdir", Path.rmdir)),
    ):
        yield calls


class CacheTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        Path(directory.name).chmod(0o1777)  # also for who is not root
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": directory.name}))
        self.kind = Path(directory.name) / "vhost" / "thing"
        self.made = 0

    def make(self, directory: Path) -> None:
        self.made += 1
        (directory / "file").write_text("whole")

    def obtain(self) -> Path:
        return cache.obtain("thing", "d1", self.make, silent)

    def test_is_made_once(self) -> None:
        first = self.obtain()
        self.assertEqual(first, self.obtain())
        self.assertEqual("whole", (first / "file").read_text())
        self.assertEqual(1, self.made)

    def test_a_failure_leaves_nothing(self) -> None:
        def fail(directory: Path) -> None:
            (directory / "half").touch()
            raise LocalError("no")

        with self.assertRaises(LocalError):
            cache.obtain("thing", "d1", fail, silent)
        self.assertEqual(["lock"], [path.name for path in self.kind.iterdir()])

    def test_a_full_disk_is_reported_in_a_line(self) -> None:
        def fill(directory: Path) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with self.assertRaisesRegex(LocalError, "No space left on device; free some space"):
            cache.obtain("thing", "d1", fill, silent)

    def test_leftovers_are_cleaned(self) -> None:
        leftover = self.kind / "d0.partial"
        leftover.mkdir(parents=True)
        (leftover / "file").touch()
        self.obtain()
        self.assertFalse(leftover.exists())

    def test_in_place_its_own_path_holds(self) -> None:
        paths: list[Path] = []
        made = cache.obtain("thing", "d1", paths.append, silent, in_place=True)
        self.assertEqual([made], paths)
        self.assertEqual({"d1", "lock"}, {path.name for path in self.kind.iterdir()})
        self.assertEqual(made, cache.obtain("thing", "d1", paths.append, silent, in_place=True))
        self.assertEqual(1, len(paths))

    def test_in_place_a_failure_leaves_nothing(self) -> None:
        def fail(directory: Path) -> None:
            (directory / "half").touch()
            raise LocalError("no")

        with self.assertRaises(LocalError):
            cache.obtain("thing", "d1", fail, silent, in_place=True)
        self.assertEqual(["lock"], [path.name for path in self.kind.iterdir()])

    def test_in_place_what_was_killed_is_made_again(self) -> None:
        (self.kind / "d1.partial").mkdir(parents=True)
        (self.kind / "d1").mkdir()
        (self.kind / "d1" / "half").touch()
        made = cache.obtain("thing", "d1", self.make, silent, in_place=True)
        self.assertEqual({"file", "contents.json"}, {path.name for path in made.iterdir()})

    def test_what_cannot_be_removed_is_not_handed_out(self) -> None:
        def interrupted_by_root() -> str:
            half = self.kind / "d1"
            (self.kind / "d1.partial").mkdir(parents=True)
            (half / "of root").mkdir(parents=True)
            (half / "of root" / "file").touch()
            (half / "of root").chmod(0o555)
            news: list[str] = []
            made = cache.obtain("thing", "d1", self.make, news.append, in_place=True)
            names = [path.name for path in made.glob("f*")]
            return f"{names} {self.made} {news[-1].partition('; ')[2]}"

        self.assertEqual("['file'] 1 remove it as root", users.as_ordinary(interrupted_by_root))

    def test_what_stays_in_the_way_keeps_its_mark(self) -> None:
        def in_the_way() -> str:
            (self.kind / "d1.partial").mkdir(parents=True)
            (self.kind / "d1").mkdir()
            (self.kind / "lock").touch()
            self.kind.chmod(0o555)
            try:
                cache.obtain("thing", "d1", self.make, silent, in_place=True)
            except LocalError as error:
                return f"{error} {(self.kind / 'd1.partial').exists()} {self.made}"
            return "handed out"

        self.assertEqual(
            f"cannot remove {self.kind / 'd1'}: Permission denied True 0",
            users.as_ordinary(in_the_way),
        )

    def test_pruning_that_fails_leaves_no_half(self) -> None:
        def prune() -> str:
            made = self.obtain()
            (made / "of root").mkdir(mode=0o755)
            (made / "of root" / "file").touch()
            (made / "of root").chmod(0o555)
            try:
                cache.prune("thing", lambda: (), silent)
            except LocalError as error:
                return f"{str(error).rpartition('; ')[2]} {made.exists()} {self.obtain() == made}"
            return "pruned"

        self.assertEqual("remove it as root False True", users.as_ordinary(prune))

    def test_what_is_damaged_is_made_again_beside_it(self) -> None:
        for in_place in (False, True):
            for damage in (
                lambda made: (made / "file").write_text(""),
                lambda made: (made / "file").write_text("who"),
                lambda made: (made / "file").unlink(),
                lambda made: (made / "contents.json").write_text(""),
                lambda made: (made / "contents.json").write_text("[1]"),
                lambda made: (made / "contents.json").unlink(),
                lambda made: [path.unlink() for path in made.iterdir()],
            ):
                before, news = self.obtain(), list[str]()
                made_before = self.made
                damage(before)
                self.assertFalse(cache.is_whole("thing", before.name))
                made = cache.obtain("thing", "d1", self.make, news.append, in_place=in_place)
                self.assertIn("damaged", news[0])
                self.assertEqual("whole", (made / "file").read_text())
                self.assertEqual((made_before + 1, made), (self.made, self.obtain()))
                self.assertTrue(before.is_dir(), "somebody may use it")
                self.assertEqual(made.name, cache.current("thing", "d1"))

    def test_a_damaged_note_of_a_rebuild(self) -> None:
        self.obtain()
        rebuilt = cache.obtain("thing", "d1", self.make, silent, anew=True)
        note = self.kind / "d1.remade"
        for text in ("", "../../x", rebuilt.name[:3]):
            note.write_text(text)
            self.assertEqual("d1", self.obtain().name)

    def test_one_that_is_made_again_is_the_current_one_until_it_is_pruned(self) -> None:
        first = self.obtain()
        second = cache.obtain("thing", "d1", self.make, silent, anew=True)
        self.assertEqual((second, 2), (self.obtain(), self.made))
        self.assertEqual({first.name, second.name}, cache.whole("thing"))
        cache.prune("thing", lambda: {second.name}, silent)
        self.assertEqual((second, 2), (self.obtain(), self.made))
        cache.prune("thing", lambda: (), silent)
        self.assertEqual(["lock"], [path.name for path in self.kind.iterdir()])

    def test_a_rebuild_that_fails_leaves_what_was(self) -> None:
        def fail(directory: Path) -> None:
            raise LocalError("no")

        first = self.obtain()
        with self.assertRaises(LocalError):
            cache.obtain("thing", "d1", fail, silent, anew=True)
        self.assertEqual(first, self.obtain())

    def test_it_is_on_the_disk_before_it_counts_as_complete(self) -> None:
        for in_place in (False, True):
            with self.subTest(in_place=in_place), recorded() as calls:
                made = cache.obtain("thing", f"{in_place}", self.make, silent, in_place=in_place)
            written = made if in_place else made.with_name(f"{made.name}.partial")
            begun = [("fsync", self.kind)] if in_place else []
            named = ("rmdir" if in_place else "replace", made.with_name(f"{made.name}.partial"))
            self.assertEqual([*begun, ("syncfs", written), named, ("fsync", self.kind)], calls)

    def test_two_wait_for_each_other(self) -> None:
        self.kind.mkdir(parents=True)
        news: list[str] = []
        waiting = threading.Event()

        def progress(news_: str) -> None:
            news.append(news_)
            waiting.set()

        with (self.kind / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            other = threading.Thread(target=cache.obtain, args=("thing", "d1", self.make, progress))
            other.start()
            wait_for(waiting.is_set, "the news", 30, poll_s=0.01)
            self.assertEqual(0, self.made)
        wait_for(lambda: not other.is_alive(), "the other", 30, poll_s=0.01)
        self.assertEqual(1, self.made)
        self.assertIn("waiting", news[0])

    def test_digest_minds_borders(self) -> None:
        self.assertNotEqual(cache.digest("ab", "c"), cache.digest("a", "bc"))
        self.assertEqual(cache.digest("ab", b"c"), cache.digest("ab", "c"))
