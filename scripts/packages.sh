# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the other scripts: installs Debian or Ubuntu packages that are missing.

# What the build needs; the scripts add what they run.
# shellcheck disable=SC2034
build_packages=(cmake gcc libc6-dev make libcsv-dev libcjson-dev zlib1g-dev libzip-dev)

# Succeeds when every named package is installed, or when what it brings is found.
missing_packages() {
    local package
    for package in "$@"; do
        case $package in
        cmake | gcc | g++ | make | python3 | clang | cppcheck | clang-format-14 | shellcheck | \
            mandoc)
            command -v "$package" >/dev/null || echo "$package" ;;
        binutils) command -v nm >/dev/null || echo "$package" ;;
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null || echo "$package" ;;
        gnuplot-nox) command -v gnuplot >/dev/null || echo "$package" ;;
        *) dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            echo "$package" ;;
        esac
    done
}

# need_packages NAME...: returns at once when nothing is missing.
need_packages() {
    local missing sudo=()
    if ! command -v apt-get >/dev/null; then
        echo "note: no apt-get here: expecting these to be installed already: $*" >&2
        return 0
    fi
    read -r -a missing <<<"$(missing_packages "$@" | tr '\n' ' ')"
    if [ ${#missing[@]} -eq 0 ]; then
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing packages: ${missing[*]}: install them as root, then run this again" >&2
            return 1
        fi
        sudo=(sudo)
    fi
    echo "installing: ${missing[*]}" >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
