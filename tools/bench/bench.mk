.PHONY: bench-sim
bench-sim: $(B)/bin/ukey-sim ## measure ukey-sim and write docs/benchmarks.md
	@BUILD=$(B) node tools/bench/sim.mjs --write docs/benchmarks.md
