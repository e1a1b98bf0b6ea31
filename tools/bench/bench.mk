.PHONY: bench-sim
bench-sim: $(addprefix $(B)/bin/,ukey-sim ukey-sim-usb ukey-pcsc-wire) ## measure ukey-sim and write docs/benchmarks.md
	@BUILD=$(B) node tools/bench/sim.mjs --write docs/benchmarks.md
