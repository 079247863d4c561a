# SPDX-License-Identifier: Apache-2.0
"""programs: everything that the supervisor looks after runs."""

from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject
from vhost_tempest_plugin.lab.services.supervision import Supervision


class Programs(LabCheck):
    """The programs on the machine run; one that is being started again does not."""

    name = "programs"

    def run(self, subject: LabSubject) -> Finding:
        """Ask the supervisor."""
        supervision = Supervision(subject.settings.directory)
        if not supervision.is_running():
            return self.failed("a supervisor", "none", subject.again)
        states = supervision.states()
        down = [state for state in states if not state.phase.is_up]
        return self.compare(
            {state.name: "running" for state in states},
            {state.name: "running" if state.phase.is_up else state.phase for state in states},
            f"{subject.logs(down[0].name)} shows why; {subject.again}" if down else "",
        )
