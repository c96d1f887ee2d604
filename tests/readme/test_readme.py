#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the pages, README.md and every README.md below src, scripts and data.

    test_readme.py --sproof PATH [--update]

* Every ```console block is a `$ command` and what it prints, standard output and error. The
  blocks of a page run in its order, in a scratch directory of its own that sees the repository's
  data. --update writes what they print. A command ends at the first line that leaves no quote
  open.
* Every relative link points to a file, and its #anchor to a heading of that page.
* README.md links every page, and is short.

Exit status: 0 all of it holds, 1 something does not.
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FRONT = ROOT / "README.md"
FRONT_BYTES = 14000

QUOTED = r"'[^']*'"
CONSOLE = re.compile(rf"```console\n\$ ((?:{QUOTED}|[^'\n])*)\n(.*?)```", re.S)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
SPAN = re.compile(r"`[^`]*`")
LINK = re.compile(r"\]\(([^()\s]+)\)")


def pages():
    below = (page for folder in ("src", "scripts", "data")
             for page in sorted((ROOT / folder).rglob("README.md")))
    return [FRONT, *below]


def name_of(path):
    return str(path.relative_to(ROOT))


def run(command, sproof, directory):
    environment = dict(os.environ, PATH=f"{sproof.parent}:{os.environ['PATH']}",
                       SPROOF_DATA=str(ROOT / "data"))
    done = subprocess.run(["bash", "-c", "exec 2>&1; " + command], cwd=directory, text=True,
                          env=environment, capture_output=True, timeout=60)
    # The line that dates the record differs from run to run.
    return re.sub(r"of \d{4}-\d\d-\d\dT[\d:]+Z", "of 2026-11-21T12:00:00Z", done.stdout)


def as_printed(text, sproof):
    """The page with what its commands print now, and how many there are."""
    with tempfile.TemporaryDirectory() as directory:
        os.symlink(ROOT / "data", pathlib.Path(directory) / "data")
        return CONSOLE.subn(
            lambda block: f"```console\n$ {block[1]}\n{run(block[1], sproof, directory)}```", text)


def anchors_of(text):
    """The anchors that a code host gives the headings of a page."""
    seen = {}
    for heading in re.findall(r"^#+ +(.*)$", FENCED.sub("", text), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        yield slug if seen[slug] == 0 else f"{slug}-{seen[slug]}"


def links_of(page):
    """(link, file it names, anchor) of the relative links of a page."""
    for link in LINK.findall(SPAN.sub("", FENCED.sub("", page.read_text()))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


def link_problems():
    reached = {FRONT}
    for page in pages():
        for link, target, anchor in links_of(page):
            if not target.is_file():
                yield f"{name_of(page)}: the link '{link}' points to no file"
            elif anchor and anchor not in anchors_of(target.read_text()):
                yield f"{name_of(page)}: the link '{link}' points to no heading"
            if page == FRONT:
                reached.add(target)
    for page in pages():
        if page not in reached:
            yield f"{name_of(page)}: README.md does not link it"


def problems_of(sproof, update):
    blocks = 0
    for page in pages():
        text = page.read_text()
        made, count = as_printed(text, sproof)
        blocks += count
        if count != text.count("```console"):
            yield f"{name_of(page)}: a console block is no '$ command' and its output"
        if update:
            page.write_text(made)
        elif made != text:
            yield "".join(difflib.unified_diff(
                text.splitlines(True), made.splitlines(True), name_of(page),
                f"{name_of(page)}, what sproof prints"))
    if blocks == 0:
        yield "no page has a console block"
    yield from link_problems()
    size = len(FRONT.read_bytes())
    if size >= FRONT_BYTES:
        yield f"README.md: {size} bytes: expected below {FRONT_BYTES}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sproof", default=str(ROOT / "build" / "sproof"))
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    problems = list(problems_of(pathlib.Path(arguments.sproof).resolve(), arguments.update))
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(pages())} pages: their commands print what they show, their links lead "
              "somewhere")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
