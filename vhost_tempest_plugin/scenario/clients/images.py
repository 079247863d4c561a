# SPDX-License-Identifier: Apache-2.0
"""The images of servers, made of that of tempest.conf."""

import io
import json
from collections.abc import Mapping
from typing import Any

from tempest import config
from tempest.lib import exceptions

from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.scenario.clients import idle_disk
from vhost_tempest_plugin.scenario.clients.naming import name

CONF = config.CONF

_OF_CONTENT = ("kernel_id", "ramdisk_id", "disk_format", "container_format", "os_command_line")


class Images:
    """Each is made once.

    :param client: tempest's client of glance
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._made: dict[str, str] = {}

    def of(self, request: Request, *, console: bool) -> str:
        """The id of an image that asks for this.

        :param console: its server reports on its console, as that of tempest.conf does;
            else it does nothing
        """
        properties = request.image_properties()
        if console and not properties:
            return str(CONF.compute.image_ref)
        key = json.dumps([console, dict(properties)], sort_keys=True)
        if key not in self._made:
            source = CONF.compute.image_ref
            self._made[key] = (
                self._copy(source, properties) if console else self._idle(source, properties)
            )
        return self._made[key]

    def forget(self) -> None:
        """Delete them."""
        for image in self._made.values():
            self._client.delete_image(image)

    def _copy(self, source: str, properties: Mapping[str, str]) -> str:
        """An image as *source* with more properties."""
        shown = self._client.show_image(source)
        words = {key: shown[key] for key in _OF_CONTENT if shown.get(key) is not None}
        content = self._client.show_image_file(source).data
        return self._upload({**words, **_of_hardware(shown), **properties}, content)

    def _idle(self, model: str, properties: Mapping[str, str]) -> str:
        """An image for the same hardware as *model*, whose server does nothing."""
        words = {"disk_format": "raw", "container_format": "bare"}
        hardware = _of_hardware(self._client.show_image(model))
        return self._upload({**words, **hardware, **properties}, idle_disk.content())

    def _upload(self, words: Mapping[str, str], content: bytes) -> str:
        made = str(self._client.create_image(name=name(), **words)["id"])
        try:
            self._client.store_image_file(made, io.BytesIO(content))
        except exceptions.RestClientException:
            self._client.delete_image(made)
            raise
        return made


def _of_hardware(image: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value for key, value in image.items() if key.startswith("hw_") and value is not None
    }
