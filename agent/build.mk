# sources of agent/, see the Makefile
