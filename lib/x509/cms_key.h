/*
 * A private key that was made for somebody else, for one reader alone:
 * AsymmetricKeyPackage (RFC 5958 2) in SignedData (RFC 5652 5) in
 * EnvelopedData (RFC 5652 6), as EST hands it out (RFC 7030 4.4.2).
 *
 * The reader's key agrees with an ephemeral one: P-256 with the X9.63 KDF
 * (RFC 5753 3.1), X25519 with HKDF (RFC 8418 2), both over SHA-256; AES-256
 * key wrap (RFC 3394), AES-256-CBC. Who made the key signs: ES256 over signed
 * attributes.
 *
 * What is encrypted is SignedData itself, its type beside it; a program that
 * wants a ContentInfo puts one around it.
 */
#ifndef IMPRINT_X509_CMS_KEY_H
#define IMPRINT_X509_CMS_KEY_H

#include "lib/base/secret.h"
#include "lib/crypto/key.h"

struct cms_recipient {
	struct public_key	key;
	/* DER: names it by issuer and serial number; empty: by the key
	 * identifier (certificate_key_id()) */
	struct bytes		certificate;
};

/* Can a key of that algorithm be a recipient's? */
bool	cms_agrees(enum key_alg);

/*
 * by: P-256, of the certificate by_certificate (DER), which goes with it. DER
 * of a ContentInfo, appended. ERR_UNSUPPORTED: no key of a recipient.
 */
MUST_USE enum err cms_put_key(struct buf *out, enum key_alg,
    struct bytes private, struct signer *by, struct bytes by_certificate,
    const struct cms_recipient *to, struct diag *);

#endif
