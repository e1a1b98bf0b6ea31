.PHONY: bench-sim
bench-sim: $(addprefix $(B)/bin/,ukey-sim ukey-sim-usb ukey-pcsc-wire) ## measure ukey-sim and write docs/benchmarks.md
	@BUILD=$(B) node tools/bench/sim.mjs --write docs/benchmarks.md

.PHONY: bench-module
bench-module: $(B)/bin/ukey-sim $(B)/bin/p11-bench $(B)/lib/openukey-pkcs11.so ## measure the PKCS#11 module and write its part of docs/benchmarks.md
	@BUILD=$(B) node tools/bench/module.mjs --write docs/benchmarks.md

.PHONY: bench-agent
bench-agent: $(addprefix $(B)/bin/,ukey-sim ukey-agent ukey-orderd agent-load plain-web p11-bench) $(B)/lib/openukey-pkcs11.so ## measure the agent and write its part of docs/benchmarks.md
	@BUILD=$(B) node tools/bench/agent.mjs --write docs/benchmarks.md
