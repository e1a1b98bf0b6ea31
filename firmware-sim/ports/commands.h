/* The commands of ukey-sim. Each takes what follows its name and returns the exit status. */
#ifndef FIRMWARE_PORTS_COMMANDS_H
#define FIRMWARE_PORTS_COMMANDS_H

int command_run(int argc, char **argv);
int command_usb(int argc, char **argv);
int command_format(int argc, char **argv);
int command_fsck(int argc, char **argv);
int command_snapshot(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_selftest(int argc, char **argv);

#endif
