/* pcsclite, loaded when first needed, so that a machine without it loses nothing but its readers. */
#ifndef OPENUKEY_TRANSPORT_PCSC_LIBRARY_H
#define OPENUKEY_TRANSPORT_PCSC_LIBRARY_H

#include <winscard.h>

struct pcsc_library {
    LONG (*establish_context)(DWORD, LPCVOID, LPCVOID, LPSCARDCONTEXT);
    LONG (*release_context)(SCARDCONTEXT);
    LONG (*cancel)(SCARDCONTEXT);
    LONG (*list_readers)(SCARDCONTEXT, LPCSTR, LPSTR, LPDWORD);
    LONG (*get_status_change)(SCARDCONTEXT, DWORD, SCARD_READERSTATE *, DWORD);
    LONG (*connect)(SCARDCONTEXT, LPCSTR, DWORD, DWORD, LPSCARDHANDLE, LPDWORD);
    LONG (*reconnect)(SCARDHANDLE, DWORD, DWORD, DWORD, LPDWORD);
    LONG (*status)(SCARDHANDLE, LPSTR, LPDWORD, LPDWORD, LPDWORD, LPBYTE, LPDWORD);
    LONG (*disconnect)(SCARDHANDLE, DWORD);
    LONG (*begin_transaction)(SCARDHANDLE);
    LONG (*end_transaction)(SCARDHANDLE, DWORD);
    LONG(*transmit)
    (SCARDHANDLE, const SCARD_IO_REQUEST *, LPCBYTE, DWORD, SCARD_IO_REQUEST *, LPBYTE, LPDWORD);
    const SCARD_IO_REQUEST *pci_t0;
    const SCARD_IO_REQUEST *pci_t1;
};

/* The library, or NULL when this machine has none. Loaded once, never unloaded; any thread. */
const struct pcsc_library *pcsc_library_get(void);

/* Names of the readers in a context that match the pattern, as one block of strings with an empty one at the end.
 * NULL when there are none. The caller frees it. */
char *pcsc_reader_names(const struct pcsc_library *pcsc, SCARDCONTEXT context, const char *pattern);

#endif
