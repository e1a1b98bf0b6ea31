/* Cryptoki, spoken to modules in other processes: one function list for all of them. Which module a slot or session belongs to, and which
 * start of its process gave it out, is in the handle. */
#ifndef AGENT_FOREIGN_REMOTE_H
#define AGENT_FOREIGN_REMOTE_H

#include "agent/foreign/process.h"

enum { REMOTE_MAX = 16 }; /* modules */

/* Give the process a place among the modules; its number is in every handle from now on. -1: there is none left. */
int remote_add(struct foreign_process *process);
/* Handles of this process mean nothing any more. */
void remote_remove(struct foreign_process *process);

/* The functions that the agent uses of a foreign module; every other is CKR_FUNCTION_NOT_SUPPORTED, as is every mechanism whose parameter
 * holds pointers (CKR_MECHANISM_PARAM_INVALID). C_GetSlotList is not among them: it has no handle, see remote_slots(). */
CK_FUNCTION_LIST *remote_functions(void);

/* The slots with a token in them, at most FOREIGN_SLOTS_MAX (PKCS#11 3.1 5.5.1). */
CK_RV remote_slots(struct foreign_process *process, CK_SLOT_ID slots[FOREIGN_SLOTS_MAX],
                   CK_ULONG *count);

#endif
