# sources of tools/, see the Makefile
