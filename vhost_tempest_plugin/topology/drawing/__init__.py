# SPDX-License-Identifier: Apache-2.0
"""Pictures of a host: text, and source for graphviz.

``draw`` gives what a picture shows; ``text.render`` and ``dot.render`` give it a form.
"""

from vhost_tempest_plugin.topology.drawing.model import Drawing, draw

__all__ = ["Drawing", "draw"]
