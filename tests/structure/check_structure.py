#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the includes of src and include against the map in src/README.md.

A folder includes itself and the folders above it in the map; a public header counts as a file of
the folder whose row names it; src/cli includes public headers, base and itself. No two folders
have files of one basename; the source directory has no other entries than it should. Exits 1 and
names every breach.

  check_structure.py SOURCE_DIRECTORY
  check_structure.py SOURCE_DIRECTORY NM OBJECTS
      the same for calls: what an object uses is defined in its folder or above; OBJECTS: paths
      with semicolons between
  check_structure.py --self-test
      plants each kind of breach in a small tree and finds it
"""
import pathlib
import re
import subprocess
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
SUFFIXES = {".c", ".h", ".cu"}
TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "data", "include", "scripts",
       "src", "tests"}
GENERATED = {"pattern_list.inc", "isa_list.inc"}  # by CMakeLists.txt, from the directories


def read_map(readme):
    """Folders of the map, ground first, and the folder of each public header."""
    folders, owner, problems = [], {}, []
    for line in readme.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        match = re.fullmatch(r"`([a-z_/]+)/`", cells[0])
        if not line.startswith("|") or not match:
            continue
        if match[1] in folders:
            problems.append(f"src/README.md: '{match[1]}/' has two rows")
        folders.append(match[1])
        for header in re.findall(r"`([a-z0-9_]+\.h)`", cells[-1]):
            if header in owner:
                problems.append(f"src/README.md: '{header}' is of {owner[header]}/ and {match[1]}/")
            owner[header] = match[1]
    return folders, owner, problems


def files_of(root):
    return sorted(p for p in root.rglob("*") if p.suffix in SUFFIXES and p.is_file())


def check_includes(root, folders, owner, name):
    """Breaches of one file; name is relative to root."""
    folder = owner[name.name] if name.parts[0] == "include" else "/".join(name.parts[1:-1])
    for target in INCLUDE.findall((root / name).read_text()):
        if target in GENERATED:
            continue
        parts = target.split("/")
        public = parts[0] == "sproof"
        if not (root / ("include" if public else "src") / target).is_file():
            yield f'{name}: "{target}" is neither below src nor below include'
            continue
        to = owner.get(parts[-1]) if public else "/".join(parts[:-1])
        if to not in folders:
            continue  # said already: it has no row
        if folders.index(to) > folders.index(folder):
            yield f'{name}: "{target}" is of {to}/, which stands below {folder}/ in the map'
        if folder == "cli" and not public and to not in ("base", "cli"):
            yield f'{name}: "{target}" is of {to}/: cli includes public headers and base/ only'


def check(root):
    folders, owner, problems = read_map((root / "src" / "README.md").read_text())
    names, homes = [p.relative_to(root) for p in files_of(root / "src")], {}
    for name in names:
        folder = "/".join(name.parts[1:-1])
        homes.setdefault(name.stem, {}).setdefault(folder, name)
        if folder not in folders:
            problems.append(f"{name}: its folder has no row in src/README.md")
    for stem, places in sorted(homes.items()):
        if len(places) > 1:
            problems.append(f"one basename: {', '.join(map(str, places.values()))}")
    for folder in folders:
        if not any(folder == "/".join(name.parts[1:-1]) for name in names):
            problems.append(f"src/README.md: '{folder}/' has no files")
    headers = [p.relative_to(root) for p in files_of(root / "include")]
    for header in headers:
        if header.name not in owner:
            problems.append(f"{header}: no row of src/README.md names it")
    for header in sorted(set(owner) - {h.name for h in headers}):
        problems.append(f"src/README.md: '{header}' is no public header")
    known = [n for n in names if "/".join(n.parts[1:-1]) in folders]
    for name in known + [h for h in headers if h.name in owner]:
        problems.extend(check_includes(root, folders, owner, name))
    return folders, names, headers, problems


def symbols_of(listing):
    """What a listing by nm defines and what it leaves to others."""
    defined, used = set(), set()
    for line in listing.splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[-2] in "TDRBCW":
            defined.add(parts[-1])
        elif len(parts) >= 2 and parts[-2] == "U":
            used.add(parts[-1])
    return defined, used


def check_calls(folders, listings):
    """listings: (folder, object, output of nm). Registries reach what they list by generated
    names, which no file writes."""
    home, problems = {}, []
    for folder, _, listing in listings:
        for symbol in symbols_of(listing)[0]:
            home.setdefault(symbol, folder)
    for folder, name, listing in listings:
        for symbol in sorted(symbols_of(listing)[1]):
            to = home.get(symbol, folder)
            if symbol.startswith("spr_pattern_file_") or to not in folders:
                continue
            if folders.index(to) > folders.index(folder):
                problems.append(f"{name}: {symbol} is defined in {to}/, below {folder}/ in the map")
    return problems, len(home)


def calls_of(folders, nm, objects):
    out = subprocess.run([nm, "-A", *objects], check=True, capture_output=True, text=True).stdout
    listings = {path: [] for path in objects}
    for line in out.splitlines():
        path, _, symbol = line.partition(":")
        listings[path].append(symbol)
    inside = {path: path.split("/src/")[-1] for path in objects}
    return check_calls(folders, [(inside[p].rpartition("/")[0], inside[p], "\n".join(lines))
                                 for p, lines in listings.items()])


MAP = """| folder | what | public headers |
|---|---|---|
| `base/` | ground | `status.h` |
| `model/` | above | |
| `cli/` | top | |
"""
TREE = {
    "src/README.md": MAP,
    "src/base/mem.c": "#include <stdio.h>\n",
    "src/base/mem.h": '#include "sproof/status.h"\n',
    "src/model/model.c": '#include "base/mem.h"\n',
    "src/model/model.h": "",
    "src/cli/main.c": '#include "base/mem.h"\n',
    "include/sproof/status.h": "",
}
PLANTED = [  # file, its new text (None: gone), what must be said
    ("src/base/mem.c", '#include "model/model.h"\n', "stands below base/"),
    ("include/sproof/status.h", '#include "model/model.h"\n', "stands below base/"),
    ("src/base/mem.c", '  #  include "cli/main.c"\n', "stands below base/"),
    ("src/cli/main.c", '#include "model/model.h"\n', "base/ only"),
    ("src/model/mem.c", "", "one basename: src/base/mem.c, src/model/mem.c"),
    ("src/model/model.c", '#include "mem.h"\n', "neither below src nor below include"),
    ("src/other/other.c", "", "its folder has no row"),
    ("src/loose.c", "", "its folder has no row"),
    ("src/cli/main.c", None, "'cli/' has no files"),
    ("include/sproof/extra.h", "", "no row of src/README.md names it"),
    ("include/sproof/status.h", None, "is no public header"),
    ("src/README.md", MAP + "| `base/` | again | |\n", "has two rows"),
    ("src/README.md", MAP + "| `more/` | | `status.h` |\n", "is of base/ and more/"),
]


def said_of(change):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        for name, text in {**TREE, **change}.items():
            if text is not None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
        return "\n".join(check(root)[3])


LISTINGS = [
    ("base", "mem.c.o", "0000 T spr_calloc\n                 U malloc\n"),
    ("model", "model.c.o", "0000 T spr_model\n                 U spr_calloc\n"),
    ("pattern", "registry.c.o", "                 U spr_pattern_file_csr\n"),
    ("pattern/kind", "csr.c.o", "0000 R spr_pattern_file_csr\n"),
]
FOLDERS = ["base", "model", "pattern", "pattern/kind"]


def self_test():
    failed = 0
    upward = ("base", "csv.c.o", "                 U spr_model\n")
    if check_calls(FOLDERS, LISTINGS)[0] or len(check_calls(FOLDERS, LISTINGS + [upward])[0]) != 1:
        print("calls: a planted call upward was not found, or a sound one was")
        failed += 1
    if check_top(["src/a.c", ".ci/run"]) or len(check_top(["src/a.c", "r.json"])) != 1:
        print("top: a planted file was not found, or a sound one was")
        failed += 1
    if said := said_of({}):
        print(f"a sound tree: {said}")
        failed += 1
    for name, text, expected in PLANTED:
        said = said_of({name: text})
        if expected not in said:
            print(f"{name} = {text!r}: expected '{expected}', said '{said}'")
            failed += 1
    print(f"{len(PLANTED) + 2} planted breaches, {failed} of the checks failed")
    return failed > 0


def check_top(names):
    """Entries of the source directory that have no place there; names: paths that git tracks."""
    entries = {name.split("/")[0] for name in names}
    return [f"{entry}: has no place in the source directory" for entry in sorted(entries - TOP)
            if not entry.startswith(".")]


def tracked(root):
    """Nothing where git or its directory is not there: in an archive of the sources."""
    try:
        done = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    folders, names, headers, problems = check(pathlib.Path(sys.argv[1]))
    problems += check_top(tracked(sys.argv[1]))
    for problem in problems:
        print(problem)
    print(f"{len(names)} files in {len(folders)} folders, {len(headers)} public headers, "
          f"{len(problems)} breaches")
    if len(sys.argv) > 3:
        wrong, symbols = calls_of(folders, sys.argv[2], sys.argv[3].split(";"))
        for problem in wrong:
            print(problem)
        print(f"{symbols} symbols, {len(wrong)} calls of what stands below")
        problems += wrong + (["too few symbols"] if symbols < 200 else [])
    return len(problems) > 0 or len(names) < 100


if __name__ == "__main__":
    sys.exit(main())
