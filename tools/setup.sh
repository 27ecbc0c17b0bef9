#!/bin/sh
# Called by the Makefile from the top folder. `setup.sh system` sees to what Python cannot bring and
# prints on stdout only what it could not do, in one line; `setup.sh python` makes .venv.
set -eu
python=${PYTHON:-python3}

stop() {
    echo "goldenspike $*"
    exit 2
}

# Prints the Debian packages of what is missing. Verilator needs modules that perl-base lacks; cocotb
# embeds Python and needs its shared library, which Debian's python3 does not bring.
missing() {
    command -v g++ >/dev/null || echo g++
    command -v make >/dev/null || echo make
    perl -MFindBin -MPod::Usage -e1 2>/dev/null || echo perl
    command -v iverilog >/dev/null || echo iverilog
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" - <<'END' 2>/dev/null || echo "libpython$version"
import ctypes, pathlib, sysconfig
get = sysconfig.get_config_var
if not pathlib.Path(get("LIBDIR"), get("INSTSONAME")).exists():
    ctypes.CDLL(get("INSTSONAME"))
END
}

system() {
    case $PWD in *[[:space:]]*)
        stop "must lie in a folder without spaces in its path (Verilator cannot build in one): $PWD" ;;
    esac
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        stop "needs Python 3.11 or newer, and there is no $python: install it (Debian: apt-get install python3 python3-venv)"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "needs Python 3.11 or newer, and $python is $version: name a newer one (make PYTHON=python3.12)"
    lacks=$(missing | xargs)
    if [ "$lacks" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "goldenspike: apt-get installs $lacks" >&2
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086  # one word a package
        { apt-get -qq update && apt-get -qq -y install --no-install-recommends $lacks; } >/dev/null ||
            stop "needs $lacks, and apt-get could not install it"
        lacks=$(missing | xargs)
    fi
    [ -z "$lacks" ] || stop "needs these Debian packages (apt-get install) or their like: $lacks"
}

python() {
    .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
    echo "goldenspike: pip installs into .venv (the first time takes a few minutes)"
    .venv/bin/python -m pip --disable-pip-version-check install --quiet \
        --constraint constraints.txt --editable '.[test,dev,boards,solvers]'
}

"$1"
