# SPDX-License-Identifier: Apache-2.0
"""XML that a libvirt, a host or a user wrote, which may be hostile."""

from lxml import etree

# What libvirt says of a host with 1,024 CPUs and 1,024 NICs is below 1 MiB; a tree takes many times
# its text.  libxml2 itself refuses what is nested deeper than 256 elements.
_LIMIT_CHARS = 8 << 20


def parse(text: str) -> etree._Element:
    """The root element, without comments.

    Entities stay unresolved and nothing outside of *text* is read.

    :raises ValueError: it is no XML, or too much of it; the message has the place
    """
    if len(text) > _LIMIT_CHARS:
        raise ValueError(f"it is longer than {_LIMIT_CHARS >> 20} MiB")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None
