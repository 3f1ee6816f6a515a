#include "lib/x509/crl.h"

const char *
crl_reason_name(enum crl_reason reason)
{
	switch (reason) {
	case CRL_UNSPECIFIED:
		return "unspecified";
	case CRL_KEY_COMPROMISE:
		return "keyCompromise";
	case CRL_CA_COMPROMISE:
		return "cACompromise";
	case CRL_AFFILIATION_CHANGED:
		return "affiliationChanged";
	case CRL_SUPERSEDED:
		return "superseded";
	case CRL_CESSATION_OF_OPERATION:
		return "cessationOfOperation";
	case CRL_CERTIFICATE_HOLD:
		return "certificateHold";
	case CRL_REMOVE_FROM_CRL:
		return "removeFromCRL";
	case CRL_PRIVILEGE_WITHDRAWN:
		return "privilegeWithdrawn";
	case CRL_AA_COMPROMISE:
		return "aACompromise";
	}
	return NULL;
}
