#include "lib/base/err.h"

const char *
err_name(enum err code)
{
	switch (code) {
	case ERR_OK:
		return "ok";
	case ERR_NOMEM:
		return "out of memory";
	case ERR_IO:
		return "input/output";
	case ERR_NOSPACE:
		return "no space";
	case ERR_EXISTS:
		return "exists";
	case ERR_NOTFOUND:
		return "not found";
	case ERR_PERMISSION:
		return "permission";
	case ERR_BUSY:
		return "busy";
	case ERR_SYNTAX:
		return "syntax";
	case ERR_LIMIT:
		return "limit";
	case ERR_VERSION:
		return "version";
	case ERR_CORRUPT:
		return "corrupt";
	case ERR_CRYPTO:
		return "crypto";
	case ERR_AUTH:
		return "authentication";
	case ERR_INVALID:
		return "invalid";
	case ERR_CONFLICT:
		return "conflict";
	case ERR_STATE:
		return "state";
	case ERR_INTERRUPTED:
		return "interrupted";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_CLOCK:
		return "clock";
	case ERR_INTERNAL:
		return "internal";
	}
	return "unknown";
}
