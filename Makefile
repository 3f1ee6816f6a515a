# A front door: every target forwards to CMake or to a script in tools/.
.POSIX:
.PHONY: help run test test-debian13 torture bench size lint fuzz deb deb-test
.DEFAULT_GOAL := help

BENCH =
FUZZ_SECONDS = 20

help:
	@echo 'make run      install what is missing, build, show the whole path'
	@echo 'make test     unit tests under ASan and UBSan, then end to end'
	@echo 'make test-debian13  make test on Debian 13, OpenSSL 3.5; needs root'
	@echo 'make torture  the same with every kill point, TSan, two compilers'
	@echo 'make bench    figures and their floors; BENCH=prefix picks some'
	@echo 'make size     device library on a Cortex-M4: code, stack, package'
	@echo 'make deb      Debian packages, in build/deb'
	@echo 'make deb-test the same, and live with them in a Debian 12; needs root'
	@echo 'make lint     format, layering, warnings, static analysis'
	@echo 'make fuzz     each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'

run:
	@tools/setup.sh build
	@tools/build.sh release
	@tools/demo.sh

test:
	@tools/setup.sh
	@tools/test.sh

test-debian13:
	@tools/debian13.sh

torture:
	@tools/setup.sh
	@TORTURE=1 tools/test.sh

bench:
	@tools/setup.sh build
	@tools/build.sh release
	@rm -rf build/bench build/bench.json; code=0; \
	case '$(BENCH)' in device*) ;; *) \
	build/release/imprint-bench --json build/bench.json "$(BENCH)" || \
	code=$$?; rm -rf build/bench ;; esac; \
	case '$(BENCH)' in ''|device*) \
	tools/size.py --bench build/bench.json || code=1 ;; esac; exit $$code

size:
	@tools/setup.sh size
	@tools/build.sh release
	@tools/size.py

deb:
	@tools/setup.sh deb
	@tools/deb.sh

deb-test:
	@tools/setup.sh deb
	@tools/deb_test.sh

lint:
	@tools/setup.sh
	@tools/lint.sh

fuzz:
	@tools/setup.sh
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' tools/fuzz.sh
