#include "device/src/internal.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
imprint_device_verdict_name(enum imprint_device_verdict verdict)
{
	static const char *const names[] = {
		"not decided", "accepted", "time unknown", "malformed",
		"unsupported", "no root", "another root",
		"signer not trusted", "signature wrong",
		"certificate not trusted", "keys do not match", "expired",
		"not yet valid", "another device", "older than installed",
		"revoked", "suspended"
	};

	return (size_t)verdict < COUNT(names) ? names[verdict] : "?";
}

const char *
imprint_device_step_name(enum imprint_device_step step)
{
	static const char *const names[] = {
		"form", "root", "signer", "signature", "certificates", "keys",
		"times"
	};

	return (size_t)step < COUNT(names) ? names[step] : "?";
}

const char *
imprint_device_error_name(enum imprint_device_error error)
{
	switch (error) {
	case IMPRINT_DEVICE_OK:
		return "done";
	case IMPRINT_DEVICE_ERROR_STORAGE:
		return "the storage failed";
	case IMPRINT_DEVICE_ERROR_NONE:
		return "no identity is installed";
	case IMPRINT_DEVICE_ERROR_LIMIT:
		return "larger than the buffer";
	case IMPRINT_DEVICE_ERROR_CRYPTO:
		return "the cryptographic library failed";
	}
	return "?";
}

static const char *const permissions[IMPRINT_DEVICE_PERMISSIONS] = {
	"GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH"
};

const char *
imprint_device_permission_name(enum imprint_device_permission permission)
{
	return (size_t)permission < COUNT(permissions) ?
	    permissions[permission] : "?";
}

bool
imprint_device_permission_by_name(const char *text,
    enum imprint_device_permission *ret_permission)
{
	size_t i;

	for (i = 0; i < COUNT(permissions); i++) {
		if (strcmp(text, permissions[i]) != 0)
			continue;
		*ret_permission = (enum imprint_device_permission)i;
		return true;
	}
	return false;
}

const char *
imprint_device_purpose_name(enum imprint_device_purpose purpose)
{
	switch (purpose) {
	case IMPRINT_DEVICE_AUTHENTICATE:
		return "authenticate";
	case IMPRINT_DEVICE_ENCRYPT:
		return "encrypt";
	case IMPRINT_DEVICE_SIGN:
		return "sign";
	}
	return "?";
}

const char *
imprint_device_maker_name(unsigned maker)
{
	static const char *const names[] = {
		"?", "device", "chip", "station", "authority"
	};

	return maker < COUNT(names) ? names[maker] : "?";
}
