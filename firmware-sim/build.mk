# sources of firmware-sim/, see the Makefile
