#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is installed beside the program: manual pages, completion, scripts.

  test_install.py options --sproof PATH --build DIR   every option of every verb is in its help, its
                                                      page and the completion, and no other is
  test_install.py lint --build DIR                    mandoc has nothing to say of the pages
  test_install.py tree --build DIR                    installs, moves and runs it, and uninstalls
  test_install.py hardened --sproof PATH --build DIR  what guards the program is there, and no path
                                                      of its making
  test_install.py folders                             builds two copies of the sources in different
                                                      folders (minutes): the same bytes are installed

Exit status: 0 all of it holds, 1 something does not, 77 no mandoc or readelf.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PREFIX = "/opt/somewhere"

problems = []


def expect(what, found, wanted):
    if found != wanted:
        problems.append(f"{what}: {found}: expected {wanted}")


def run(*command, limit=120, **keywords):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True,
                          timeout=limit, check=False, **keywords)
    return done.returncode, done.stdout, done.stderr


def output(*command, **keywords):
    status, out, err = run(*command, **keywords)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: status {status}\n{out}{err}")
    return out


def verbs_of(sproof):
    return re.findall(r"^  ([a-z]+) +[A-Z]", output(sproof, "help"), re.M)


def complete(script, words, path=None):
    """What bash offers at the end of these words, without bash-completion."""
    code = ('source "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _sproof "$1"; '
            'printf "%s\\n" "${COMPREPLY[@]}"')
    environment = dict(os.environ, **({"PATH": f"{path}:{os.environ['PATH']}"} if path else {}))
    return output("bash", "--norc", "--noprofile", "-c", code, "bash", script, *words,
                  env=environment).split()


# --- options

def in_help(text):
    rows = re.findall(r"^  (?:-([a-z]), |    )--([a-z-]+)", text, re.M)
    return sorted([f"-{letter}" for letter, _ in rows if letter] + [f"--{n}" for _, n in rows])


def in_page(text):
    found = []
    for line in re.findall(r"^\.It (Fl .*)$", text, re.M):
        found += ["-" + name.replace("\\-", "-") for name in re.findall(r"Fl (\S+)", line)]
    return sorted(found)


def offered_types(script):
    return complete(script, ("sproof", "analyze", "--dtype", ""))


def check_words(sproof, script):
    """A word that is none makes the program name those there are."""
    with tempfile.TemporaryDirectory() as scratch:
        record = f"{scratch}/record.json"
        analyze = ("analyze", SOURCE / "data" / "models" / "digits_mlp.csv",
                   "--machine", "h200-sxm", "-q", "-o", record)
        output(sproof, *analyze)
        for line, options in (
                (analyze, ("--format", "--layout", "--residency", "--dtype")),
                (("explain", "-i", record), ("--format",)), (("compare", "a", "b"), ("--format",)),
                (("validate", record), ("--format",)), (("plot",), ("--kind", "--terminal")),
                (("inspect", "a.npy", "--prune", "2:4"), ("--scope", "--score")),
                (("help",), ("--completion",))):
            for option in options:
                _, _, err = run(sproof, *line, option, "nonsense")
                named = re.search(r"expected (.*?)(?:;|\n)", err)
                named = re.split(r", | or ", named[1]) if named else err
                offered = complete(script, ("sproof", line[0], option, ""))
                expect(f"{line[0]} {option}", [x for x in offered if not x.startswith("w:")],
                       named)
        weights = [x for x in offered_types(script) if x.startswith("w:")]
        expect("types of weights", len(weights) > 9, True)
        for word in weights:
            output(sproof, *analyze, "--dtype", word)


def check_hostile(sproof, script):
    """The name in a machine's file runs nothing when it is completed."""
    with tempfile.TemporaryDirectory() as scratch:
        machines = pathlib.Path(scratch) / "sproof" / "machines"
        machines.mkdir(parents=True)
        text = (SOURCE / "data" / "machines" / "h200-sxm.json").read_text()
        for i, name in enumerate(("$(touch${IFS}ran)", "`touch${IFS}ran`", "*", "good-1")):
            machine = json.loads(text)
            machine["name"] = name
            (machines / f"m{i}.json").write_text(json.dumps(machine))
        before = os.getcwd()
        os.environ["XDG_DATA_HOME"] = scratch
        os.chdir(scratch)
        offered = complete(script, (str(sproof), "analyze", "--machine", ""))
        ran = os.path.exists("ran")
        os.chdir(before)
        del os.environ["XDG_DATA_HOME"]
        expect("a machine's name is run", ran, False)
        expect("hostile names offered", [x for x in offered if "$" in x or "`" in x or "*" in x],
               [])
        expect("a good name beside them", "good-1" in offered, True)


def check_options(sproof, build):
    script, seen = build / "completions" / "sproof", set()
    verbs = verbs_of(sproof)
    pages = sorted(page.name for page in (build / "man1").iterdir())
    expect("pages", pages, sorted(["sproof.1"] + [f"sproof-{verb}.1" for verb in verbs]))
    for verb in verbs:
        wanted = in_help(output(sproof, "help", verb))
        page = build / "man1" / f"sproof-{verb}.1"
        expect(f"{page.name} is of this program", page.read_text(),
               output(sproof, "help", "--man", verb))
        expect(page.name, in_page(page.read_text()), wanted)
        expect(f"completion of {verb}", sorted(complete(script, ("sproof", verb, "-"))), wanted)
        seen.update(wanted)
    rows = re.findall(r"\[OPT_\w+\] =\s*\{\s*\"([a-z-]+)\"",
                      (SOURCE / "src" / "cli" / "options.c").read_text())
    expect("options of all verbs", sorted(x for x in seen if x.startswith("--")),
           sorted(f"--{name}" for name in rows))
    check_words(sproof, script)
    check_hostile(sproof, script)
    print(f"{len(verbs)} verbs, {len(rows)} options")


# --- lint

def check_lint(build):
    if not shutil.which("mandoc"):
        print("mandoc is not installed")
        sys.exit(77)
    pages = sorted((build / "man1").iterdir())
    for page in pages:
        _, out, err = run("mandoc", "-T", "lint", "-W", "warning", page)
        expect(page.name, out + err, "")
        _, out, _ = run("mandoc", "-T", "ascii", "-O", "width=78", page)
        wide = [line for line in re.sub(".\b", "", out).splitlines() if len(line) > 80]
        expect(f"lines of {page.name} beyond 80 columns", wide, [])
    print(f"{len(pages)} pages")


# --- tree

COMPLETIONS = (
    (("an",), ["analyze"]),
    (("--v",), ["--version"]),
    (("validate", "--format", ""), ["table", "csv", "json"]),
    (("validate", "-r", ""), ["warm", "cold", "network"]),
    (("analyze", "--format", "=", "js"), ["json", "jsonl"]),
    (("analyze", "--format", "="), ["table", "csv", "json", "jsonl", "md"]),
    (("analyze", "--pattern", "csr,4"), ["csr,4x4"]),
    (("analyze", "-p", "csr,2", ":"), ["4"]),
    (("analyze", "-p", "2", ":", "4,comp"), ["4,comp:16"]),
    (("analyze", "--machine", "h200"), ["h200-sxm"]),
    (("analyze", "model.csv", "--ideal-tiles", "--max-d"), ["--max-drop"]),
    (("list", ""), ["patterns", "machines", "models", "kernels"]),
    (("list", "-q", "ke"), ["kernels"]),
    (("list", "machines", "jet"), ["jetson-orin-agx"]),
    (("help", "--man", "val"), ["validate"]),
    (("plot", "-k", "water"), ["waterfall"]),
    # file names, which -o default brings, and nothing
    (("analyze", ""), []),
    (("analyze", "--accuracy", ""), []),
    (("analyze", "--threads", ""), []),
    (("nonsense", ""), []),
)


def check_moved(moved):
    """The program and what lies beside it, away from where it was installed."""
    environment = {"PATH": f"{moved / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent",
                   "SPROOF_PROBE": "off", "PYTHONDONTWRITEBYTECODE": "1"}
    share, sproof = moved / "share" / "sproof", moved / "bin" / "sproof"
    shown = output(sproof, "list", "machines", "h200-sxm", env=environment)
    expect("data", f"from {share}/machines/h200-sxm.json" in shown, True)
    python = share / "scripts" / "python"
    expect("places", output(sys.executable, "-c", "import places as p; print(p.SPROOF, p.SHIPPED)",
                            cwd=python, env=environment), f"{sproof} {share}\n")
    usage = output(share / "scripts" / "ci" / "regression.sh", "--help", env=environment)
    expect("usage of regression.sh", usage.startswith("usage: regression.sh"), True)
    status, _, err = run(python / "sproof_export.py", "--help", env=environment)
    expect("sproof_export.py --help", status == 0 or "No module named 'torch'" in err, True)
    script = moved / "share" / "bash-completion" / "completions" / "sproof"
    for words, wanted in COMPLETIONS:
        expect(" ".join(("sproof",) + words),
               complete(script, ("sproof",) + words, moved / "bin"), wanted)
    how = output("bash", "-c", f"source {script}; complete -p sproof")
    expect("complete -p", how, "complete -o default -F _sproof sproof\n")


def check_files(prefix):
    share = prefix / "share"
    verbs = verbs_of(prefix / "bin" / "sproof")
    for name in ["doc/sproof/LICENSE", "man/man1/sproof.1", "bash-completion/completions/sproof",
                 "sproof/machines/h200-sxm.json"] + [f"man/man1/sproof-{v}.1" for v in verbs]:
        expect(f"share/{name} is installed", (share / name).is_file(), True)
    for source in (SOURCE / "scripts" / "ci", SOURCE / "scripts" / "python"):
        for script in (f for f in source.iterdir() if f.is_file()):
            installed = share / "sproof" / "scripts" / source.name / script.name
            expect(f"{script.name} is installed", installed.is_file(), True)
            expect(f"{script.name} is executable", os.access(installed, os.X_OK),
                   os.access(script, os.X_OK))


def check_tree(cmake, build):
    manifest = build / "install_manifest.txt"
    before = manifest.read_bytes() if manifest.exists() else None
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch).resolve()
        environment = dict(os.environ, DESTDIR=str(scratch))
        prefix, moved = scratch / PREFIX[1:], scratch / "moved"
        other = prefix / "share" / "man" / "man1" / "other.1"
        other.parent.mkdir(parents=True)
        other.write_text("of somebody else\n")
        try:
            output(cmake, "--install", build, "--prefix", PREFIX, env=environment)
            check_files(prefix)
            prefix.rename(moved)
            check_moved(moved)
            moved.rename(prefix)
            output(cmake, "--build", build, "--target", "uninstall", env=environment)
        finally:
            if before is None:
                manifest.unlink(missing_ok=True)
            else:
                manifest.write_bytes(before)
        left = [p for p in scratch.rglob("*") if p.is_file() or p.name == "sproof"]
        expect("left behind", [str(p) for p in left if p != other], [])
        expect("somebody else's page is left", other in left, True)
    print(f"{len(COMPLETIONS)} command lines completed")


# --- hardened

def cached(build, name):
    found = re.search(rf"^{name}:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M)
    return found[1] if found else ""


def check_no_paths(program, folders, prefix):
    content = program.read_bytes().replace(f"{prefix}/".encode(), b"")
    for folder in folders:
        expect(f"{program} holds the path {folder}", str(folder).encode() in content, False)


def check_hardened(sproof, build):
    if not shutil.which("readelf"):
        print("readelf is not installed")
        sys.exit(77)
    found = output("readelf", "-hldW", sproof)
    for what, pattern in (("PIE", r"Type: +DYN"), ("GNU_RELRO", "GNU_RELRO"), ("BIND_NOW", "BIND_NOW|Flags:.* NOW"),
                          ("a stack that is not executed", r"GNU_STACK .* RW +0x")):
        expect(what, bool(re.search(pattern, found)), True)
    symbols = output("readelf", "-sW", sproof)
    expect("guarded stacks", "__stack_chk_fail" in symbols, True)
    if cached(build, "CMAKE_BUILD_TYPE") in ("Release", "RelWithDebInfo", "MinSizeRel"):
        expect("checked copies", bool(re.search(r"__\w+cpy_chk|__\w+printf_chk", symbols)), True)
    kernels = list(build.glob("CMakeFiles/sproof_*.dir/src/kernel/isa/*.o"))
    expect("objects of kernels", len(kernels) > 0, True)
    for kernel in kernels:
        expect(f"{kernel.name}: guarded", "__stack_chk_fail" in output("readelf", "-sW", kernel), False)
    check_no_paths(sproof, (SOURCE, build), cached(build, "CMAKE_INSTALL_PREFIX"))


# --- folders

def build_copy(cmake, source, build, destination):
    with_debug = ("-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DSPROOF_TESTS=OFF", f"-DCMAKE_INSTALL_PREFIX={PREFIX}")
    output(cmake, "-S", source, "-B", build, *with_debug)
    output(cmake, "--build", build, "--parallel", os.environ.get("JOBS", str(os.cpu_count())), limit=1800)
    output(cmake, "--install", build, env=dict(os.environ, DESTDIR=str(destination)))
    return destination / PREFIX[1:]


def check_folders(cmake):
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch).resolve()
        one, two = scratch / "one", scratch / "another-folder" / "two"
        for source in (one, two):
            shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
        first = build_copy(cmake, one, one / "build", scratch / "first")
        second = build_copy(cmake, two, scratch / "elsewhere", scratch / "second")
        files = sorted(p.relative_to(first) for p in first.rglob("*") if p.is_file())
        expect("files installed from two folders", files,
               sorted(p.relative_to(second) for p in second.rglob("*") if p.is_file()))
        for name in files:
            expect(f"{name}: the same from two folders", (first / name).read_bytes() == (second / name).read_bytes(),
                   True)
            check_no_paths(first / name, (scratch, SOURCE), PREFIX)
        print(f"{len(files)} files are the same from two folders")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("options", "lint", "tree", "hardened", "folders"))
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--sproof", type=pathlib.Path, metavar="PATH")
    parser.add_argument("--cmake", default="cmake", metavar="PATH")
    arguments = parser.parse_args()
    build = arguments.build.resolve() if arguments.build else None
    try:
        if arguments.what == "options":
            check_options(arguments.sproof.resolve(), build)
        elif arguments.what == "lint":
            check_lint(build)
        elif arguments.what == "hardened":
            check_hardened(arguments.sproof.resolve(), build)
        elif arguments.what == "folders":
            check_folders(arguments.cmake)
        else:
            check_tree(arguments.cmake, build)
    finally:
        for problem in problems:
            print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
