#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every #include of include/, src/ and apps/ stays inside the module table.

The table is cmake/SapModules.cmake, which the build itself uses: a module may include its own
headers and those of the modules in its SAP_MODULE_<name>_LINKS, and nothing else. Libraries from
outside that must stay in one place have a rule each in LIBRARY_RULES.

usage: scripts/check_layers.py [--root FOLDER] [--self-test]
Exit code: 0 all includes allowed; 1 at least one is not; 2 the table cannot be used.
"""

import argparse
import fnmatch
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TABLE = "cmake/SapModules.cmake"
SOURCE_SUFFIXES = {".h", ".cc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


@dataclass(frozen=True)
class LibraryRule:
    """Headers that match `header` may be included only by files that match one of `allowed`."""

    header: str
    allowed: tuple
    rule: str
    next_step: str


LIBRARY_RULES = (
    LibraryRule(
        r"^(itk[A-Z]|gdcm[A-Z]|vnl/)",
        ("src/image/*", "src/preprocess/*", "src/phantom/*"),
        "ITK stays in src/image, src/preprocess and src/phantom, never in a public header",
        "use sap::Volume and the functions of sap/image, or add what is missing there",
    ),
    LibraryRule(
        r"^torch/(nn[./]|torch\.h$|all\.h$)",
        tuple(f"{top}/{module}/*" for module in ("nn", "transfer", "train", "ssl", "cli")
              for top in ("src", "include/sap")),
        "torch/nn stays in nn, transfer, train, ssl and cli",
        'take "sap/core/tensor.h" or <ATen/ATen.h>, or pass the network in as a function',
    ),
    LibraryRule(
        r"^(torch/csrc/distributed/|c10d/|nccl\.h$)",
        ("src/train/ddp*",),
        "c10d and NCCL stay in src/train/ddp*",
        'go through "sap/train/ddp.h"',
    ),
    LibraryRule(
        r"^spdlog/",
        ("src/core/log.cc",),
        "spdlog stays in src/core/log.cc, because its fmt clashes with LibTorch's",
        'log through "sap/core/log.h"',
    ),
    LibraryRule(
        r"^yaml-cpp/",
        ("src/core/*",),
        "yaml-cpp stays in src/core",
        'read YAML through "sap/core/config_node.h"',
    ),
    LibraryRule(
        r"^CLI/",
        ("src/cli/*",),
        "CLI11 stays in src/cli, the only place that parses flags",
        "describe the option in its options struct",
    ),
    LibraryRule(
        r"^nlohmann/json\.hpp$",
        ("src/*", "apps/*"),
        "public headers only name JSON",
        "include <nlohmann/json_fwd.hpp> here and <nlohmann/json.hpp> in the source",
    ),
    LibraryRule(
        r"^omp\.h$",
        (),
        "no OpenMP of our own: LibTorch brings its own runtime",
        'use "sap/core/parallel.h"',
    ),
)


class TableError(Exception):
    pass


@dataclass(frozen=True)
class Violation:
    file: str
    line: int
    include: str
    rule: str
    next_step: str

    def __str__(self):
        return (f"{self.file}:{self.line}: includes {self.include}\n"
                f"  rule: {self.rule}\n  next: {self.next_step}")


def read_table(root):
    """Returns {module: set of modules it links}."""
    path = root / TABLE
    if not path.is_file():
        raise TableError(f"{path} is missing")
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    sets = {name: words.split() for name, words in re.findall(r"set\(\s*(\w+)([^)]*)\)", text)}
    modules = sets.get("SAP_MODULES", [])
    if not modules:
        raise TableError(f"{TABLE} has no set(SAP_MODULES ...)")
    table = {}
    for module in modules:
        links = sets.get(f"SAP_MODULE_{module}_LINKS")
        if links is None:
            raise TableError(f"{TABLE} has no set(SAP_MODULE_{module}_LINKS ...)")
        for link in links:
            # The build adds the modules in this order, so a later link is a cycle or a typo.
            if link not in table:
                raise TableError(
                    f"{TABLE}: {module} links {link}, which is not listed before {module}")
        table[module] = set(links)
    return table


def module_of(path):
    """The module a file belongs to; "apps" for programs; None where no module can be."""
    parts = path.split("/")
    if parts[0] == "apps":
        return "apps"
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ["include", "sap"] and len(parts) > 3:
        return parts[2]
    return None


def module_fault(owner, include, table):
    """(rule, next step) where `include` crosses a border the table does not open, else None."""
    parts = include.split("/")
    private = parts[0] in table and len(parts) > 1
    if not private and (parts[0] != "sap" or len(parts) < 3):
        return None
    target = parts[0] if private else parts[1]
    if target == owner:
        return None
    if target not in table:
        return (f"{TABLE} has no module '{target}'", "correct the path, or add the module there")
    if private:
        return (f"headers under src/{target} belong to {target} alone",
                f"include a header of include/sap/{target}, or move what is needed there")
    links = {"cli"} if owner == "apps" else table[owner]
    if target in links:
        return None
    listed = ", ".join(sorted(links)) or "no other module"
    source = "apps are thin" if owner == "apps" else TABLE
    return (f"{owner} may include {listed} ({source})",
            "pass what is needed in as an argument, or move the code to a module that may know both")


def check_file(root, path, table):
    owner = module_of(path)
    if owner != "apps" and owner not in table:
        yield Violation(path, 1, "nothing yet", f"{TABLE} has no module for this file",
                        "move it into a module's folder, or add the module to the table")
        return
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        include = match.group(1)
        fault = module_fault(owner, include, table)
        if fault:
            yield Violation(path, number, include, *fault)
        for rule in LIBRARY_RULES:
            if re.match(rule.header, include) and not any(
                    fnmatch.fnmatchcase(path, pattern) for pattern in rule.allowed):
                yield Violation(path, number, include, rule.rule, rule.next_step)


def check_tree(root):
    """Returns (violations, number of files checked)."""
    table = read_table(root)
    paths = sorted(
        path.relative_to(root).as_posix()
        for top in ("include", "src", "apps") for path in (root / top).rglob("*")
        if path.suffix in SOURCE_SUFFIXES)
    violations = [violation for path in paths for violation in check_file(root, path, table)]
    return violations, len(paths)


SELF_TEST_TABLE = """
set(SAP_MODULES core image
    nn train cli)  # a comment
set(SAP_MODULE_core_LINKS)
set(SAP_MODULE_image_LINKS core)
set(SAP_MODULE_nn_LINKS core)
set(SAP_MODULE_train_LINKS nn image core)
set(SAP_MODULE_cli_LINKS train nn image core)
"""
# (file, include line, must it be caught)
SELF_TEST_CASES = (
    ("src/nn/a.cc", '#include "sap/nn/a.h"', False),
    ("src/nn/a.cc", '#include "sap/core/error.h"', False),
    ("src/nn/a.cc", '#include "sap/image/volume.h"', True),
    ("src/nn/a.cc", '  #  include <sap/image/volume.h>', True),
    ("src/nn/a.cc", '// #include "sap/image/volume.h"', False),
    ("src/nn/a.cc", '#include "nn/window_detail.h"', False),
    ("src/nn/a.cc", '#include "core/detail.h"', True),
    ("src/nn/a.cc", '#include "sap/nowhere/a.h"', True),
    ("include/sap/core/a.h", '#include "sap/cli/app.h"', True),
    ("include/sap/lost/a.h", "", True),
    ("src/lost/a.cc", "", True),
    ("apps/sap_x.cc", '#include "sap/cli/app.h"', False),
    ("apps/sap_x.cc", '#include "sap/train/trainer.h"', True),
    ("src/image/a.cc", "#include <itkImage.h>", False),
    ("include/sap/image/a.h", "#include <itkImage.h>", True),
    ("src/train/a.cc", "#include <itkImage.h>", True),
    ("src/nn/a.cc", "#include <torch/nn/module.h>", False),
    ("src/image/a.cc", "#include <torch/nn/module.h>", True),
    ("src/core/a.cc", "#include <torch/torch.h>", True),
    ("src/core/a.cc", "#include <torch/csrc/autograd/custom_function.h>", False),
    ("src/train/ddp_gloo.cc", "#include <torch/csrc/distributed/c10d/reducer.hpp>", False),
    ("src/train/trainer.cc", "#include <torch/csrc/distributed/c10d/reducer.hpp>", True),
    ("src/core/log.cc", "#include <spdlog/spdlog.h>", False),
    ("src/core/files.cc", "#include <spdlog/spdlog.h>", True),
    ("src/core/options.cc", "#include <yaml-cpp/yaml.h>", False),
    ("src/train/a.cc", "#include <yaml-cpp/yaml.h>", True),
    ("src/train/a.cc", "#include <CLI/CLI.hpp>", True),
    ("include/sap/core/a.h", "#include <nlohmann/json.hpp>", True),
    ("include/sap/core/a.h", "#include <nlohmann/json_fwd.hpp>", False),
    ("src/nn/a.cc", "#include <omp.h>", True),
)
SELF_TEST_BAD_TABLES = (
    "",
    "set(SAP_MODULES core nn)\nset(SAP_MODULE_core_LINKS)",
    "set(SAP_MODULES core)\nset(SAP_MODULE_core_LINKS nowhere)",
    "set(SAP_MODULES a b)\nset(SAP_MODULE_a_LINKS b)\nset(SAP_MODULE_b_LINKS a)",
)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def self_test():
    """Returns what went wrong, one line each."""
    faults = []
    for file, line, caught in SELF_TEST_CASES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write(root / TABLE, SELF_TEST_TABLE)
            write(root / file, f"// head\n{line}\n")
            violations, _ = check_tree(root)
            if bool(violations) != caught:
                faults.append(f"{file}: {line!r} was {'let through' if caught else 'refused'}")
            if violations and line and violations[0].line != 2:
                faults.append(f"{file}: {line!r} was reported on line {violations[0].line}")
    for text in SELF_TEST_BAD_TABLES:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / TABLE, text)
            try:
                read_table(Path(folder))
                faults.append(f"this table was accepted: {text!r}")
            except TableError:
                pass
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent,
                        help="the repository (default: the one this script is in)")
    parser.add_argument("--self-test", action="store_true",
                        help="check the checker on includes whose verdict is known")
    arguments = parser.parse_args()
    if arguments.self_test:
        faults = self_test()
        print("\n".join(faults) or f"check_layers self-test: {len(SELF_TEST_CASES)} includes and "
              f"{len(SELF_TEST_BAD_TABLES)} tables judged as they should be")
        return 1 if faults else 0
    try:
        violations, num_files = check_tree(arguments.root)
    except TableError as error:
        print(f"check_layers: {error}\n  next: correct the table", file=sys.stderr)
        return 2
    for violation in violations:
        print(violation)
    print(f"check_layers: {num_files} files, {len(violations)} includes outside the table")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
