# SPDX-License-Identifier: Apache-2.0
"""XML that a libvirt, a host or a user wrote, which may be hostile."""

from lxml import etree


def parse(text: str) -> etree._Element:
    """The root element, without comments.

    Entities stay unresolved and nothing outside of *text* is read.

    :raises ValueError: it is no XML; the message has the place
    """
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None
