# sources of tests/, see the Makefile
