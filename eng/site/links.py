#!/usr/bin/env python3
"""Takes links out of pages that lead to what the site does not have: folders, and files that are only in the sources.

usage: links.py ROOT PAGE...
"""
import os
import re
import sys

LINK = re.compile(r'(?<!!)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)')


def main(root, pages):
    for page in pages:
        with open(page, encoding='utf-8') as file:
            text = file.read()

        def without(link):
            target = link.group(2)
            if re.match(r'[a-z]+:', target):
                return link.group(0)
            path = os.path.normpath(os.path.join(os.path.dirname(page), target))
            source = os.path.join(os.getcwd(), os.path.relpath(path, root))
            if os.path.isfile(path) or not os.path.exists(source):
                return link.group(0)  # a page of the site, or a dead link, which docfx complains of
            return link.group(1)

        changed = LINK.sub(without, text)
        if changed != text:
            with open(page, 'w', encoding='utf-8') as file:
                file.write(changed)


main(sys.argv[1], sys.argv[2:])
