/*
 * libimprint-device: the identity of a device, on the device.
 *
 * Opens the package a device is given in the factory, decides whether it is
 * to be trusted, keeps it, and answers what the device may do. Strict C11,
 * no heap, no stdio; cryptography and storage come through the two tables
 * of functions below. Code under 16 KB, stack under 4 KB.
 *
 * Invariants: a verdict starts as IMPRINT_DEVICE_DENY. What is stored has
 * been verified and is the package as it came, to the byte. Every byte of a
 * package counts: one that differs anywhere is refused.
 *
 * Trust begins with the first package that is installed: its document names
 * the root. From then on that root is pinned, and a package under another
 * one is refused.
 *
 * An error means that nothing could be decided; a verdict is a decision.
 * Views point into the caller's buffers and live as long as these.
 */
#ifndef IMPRINT_DEVICE_H
#define IMPRINT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IMPRINT_DEVICE_PACKAGE_MAX	((size_t)64 << 10)
#define IMPRINT_DEVICE_SLOTS_MAX	8
#define IMPRINT_DEVICE_CERTS_MAX	8
#define IMPRINT_DEVICE_OBJECTS_MAX	64
#define IMPRINT_DEVICE_HASH_SIZE	32
#define IMPRINT_DEVICE_POINT_SIZE	65	/* SEC 1 2.3.3, uncompressed */
#define IMPRINT_DEVICE_SIGNATURE_SIZE	64	/* r || s */
#define IMPRINT_DEVICE_TIME_UNKNOWN	INT64_C(0)
#define IMPRINT_DEVICE_PACKAGE_VERSION	1	/* that it reads */
#define IMPRINT_DEVICE_TIME_NEVER	INT64_C(253402300799)

struct imprint_bytes {
	const uint8_t	*ptr;
	size_t		 len;
};

enum imprint_device_error {
	IMPRINT_DEVICE_OK = 0,
	IMPRINT_DEVICE_ERROR_STORAGE = 2,	/* the adapter failed */
	IMPRINT_DEVICE_ERROR_NONE = 5,		/* nothing is installed */
	IMPRINT_DEVICE_ERROR_LIMIT = 9,		/* the buffer is too small */
	IMPRINT_DEVICE_ERROR_CRYPTO = 12	/* the adapter failed */
};

enum imprint_device_verdict {
	IMPRINT_DEVICE_DENY = 0,		/* not decided */
	IMPRINT_DEVICE_ACCEPT = 1,
	/* all is well but the times, for the clock is behind the floor */
	IMPRINT_DEVICE_UNKNOWN_TIME = 2,
	IMPRINT_DEVICE_DENY_MALFORMED = 3,
	IMPRINT_DEVICE_DENY_UNSUPPORTED = 4,	/* version, algorithm */
	IMPRINT_DEVICE_DENY_NO_ROOT = 5,	/* none of its certificates is
						 * a root its document names */
	IMPRINT_DEVICE_DENY_OTHER_ROOT = 6,	/* not the pinned root */
	IMPRINT_DEVICE_DENY_SIGNER = 7,		/* signer's certificate */
	IMPRINT_DEVICE_DENY_SIGNATURE = 8,	/* of the document */
	IMPRINT_DEVICE_DENY_CERTIFICATE = 9,	/* of the device, or one that
						 * belongs to no chain */
	IMPRINT_DEVICE_DENY_KEYS = 10,		/* private keys and document
						 * do not match */
	IMPRINT_DEVICE_DENY_EXPIRED = 11,
	IMPRINT_DEVICE_DENY_NOT_YET_VALID = 12,
	IMPRINT_DEVICE_DENY_OTHER_DEVICE = 13,	/* another is installed */
	IMPRINT_DEVICE_DENY_OLDER = 14,		/* a newer is installed */
	/* of a status list alone */
	IMPRINT_DEVICE_DENY_REVOKED = 15,
	IMPRINT_DEVICE_DENY_SUSPENDED = 16
};

/* The steps of a verdict, in their order. */
enum imprint_device_step {
	IMPRINT_DEVICE_STEP_FORM = 0,
	IMPRINT_DEVICE_STEP_ROOT = 1,
	IMPRINT_DEVICE_STEP_SIGNER = 2,
	IMPRINT_DEVICE_STEP_SIGNATURE = 3,
	IMPRINT_DEVICE_STEP_CERTIFICATES = 4,
	IMPRINT_DEVICE_STEP_KEYS = 5,
	IMPRINT_DEVICE_STEP_TIMES = 6,
	IMPRINT_DEVICE_STEP_COUNT = 7
};

enum imprint_device_alg {
	IMPRINT_DEVICE_P256 = 1,
	IMPRINT_DEVICE_X25519 = 2,
	IMPRINT_DEVICE_ED25519 = 3,
	IMPRINT_DEVICE_P384 = 4,
	IMPRINT_DEVICE_RSA2048 = 5,
	IMPRINT_DEVICE_RSA3072 = 6,
	IMPRINT_DEVICE_MLDSA44 = 7,
	IMPRINT_DEVICE_MLDSA65 = 8
};

enum imprint_device_purpose {
	IMPRINT_DEVICE_AUTHENTICATE = 1,
	IMPRINT_DEVICE_ENCRYPT = 2,
	IMPRINT_DEVICE_SIGN = 3
};

/* Permission bit numbers (RFC 9237 4). */
enum imprint_device_permission {
	IMPRINT_DEVICE_GET = 0, IMPRINT_DEVICE_POST = 1,
	IMPRINT_DEVICE_PUT = 2, IMPRINT_DEVICE_DELETE = 3,
	IMPRINT_DEVICE_FETCH = 4, IMPRINT_DEVICE_PATCH = 5,
	IMPRINT_DEVICE_IPATCH = 6,
	IMPRINT_DEVICE_PERMISSIONS = 7
};

/*
 * A public key, where it lies. P-256, P-384: the coordinates of its point;
 * RSA: x the modulus, the exponent is 65537; others: x the key. x.len 0:
 * none.
 */
struct imprint_device_public {
	enum imprint_device_alg	alg;
	struct imprint_bytes	x, y;
};

/*
 * Cryptography. Every function returns 0 when it could decide, anything
 * else when it could not.
 */
struct imprint_device_crypto {
	void	*state;
	int	(*sha256)(void *state, const struct imprint_bytes *parts,
		    size_t count, uint8_t ret_digest[IMPRINT_DEVICE_HASH_SIZE]);
	/* ES256 (RFC 9053 2.1). point may be no point: then not good. */
	int	(*verify)(void *state,
		    const uint8_t point[IMPRINT_DEVICE_POINT_SIZE],
		    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
		    const uint8_t signature[IMPRINT_DEVICE_SIGNATURE_SIZE],
		    bool *ret_good);
	/* Is there this algorithm? */
	bool	(*supports)(void *state, enum imprint_device_alg);
	/* Is it the private key of this public one? Its form: RSA two-prime
	 * RSAPrivateKey in DER (RFC 8017 A.1.2) with the smallest d; ML-DSA
	 * the seed; others raw. Another form of the same key is not it. */
	int	(*matches)(void *state, const struct imprint_device_public *,
		    struct imprint_bytes private_key, bool *ret_match);
	/* For imprint_device_status() alone, else NULL. Octet number at of
	 * what zlib compressed (RFC 1950); nothing before or after it need be
	 * kept, so that 33 KB do. Not there, when the data ends before or is
	 * no such data. */
	int	(*inflate)(void *state, struct imprint_bytes compressed,
		    size_t at, uint8_t *ret_octet, bool *ret_there);
	/* For imprint_device_unseal() alone, else NULL. AES-256-GCM with a
	 * nonce of 12 zeros; the last 16 octets of sealed are the tag, all
	 * before it goes to out. Not good: out is of no use. */
	int	(*open)(void *state, const uint8_t key[32],
		    struct imprint_bytes aad, struct imprint_bytes sealed,
		    uint8_t *out, bool *ret_good);
};

/*
 * Storage of one record. read: ret_len bytes of at most size into buffer;
 * IMPRINT_DEVICE_ERROR_NONE when there is none, _LIMIT when it is larger.
 * write: replaces the record as a whole: after a power cut the old or the
 * new one is there.
 */
struct imprint_device_storage {
	void	*state;
	enum imprint_device_error (*read)(void *state, uint8_t *buffer,
		    size_t size, size_t *ret_len);
	enum imprint_device_error (*write)(void *state, struct imprint_bytes);
};

/*
 * Bare blocks, of flash or of files: two slots of slot_size octets each. A
 * slot must be erased before it is written; then all of it reads 0xff. Every
 * write starts at a multiple of 32 octets; what is short of the memory's own
 * unit is filled up with 0xff by the port. Nothing is written twice between
 * two erases. sync: what was erased and written is durable. 0, or not: the
 * memory failed.
 */
struct imprint_device_blocks {
	void	*state;
	size_t	 slot_size;
	int	(*read)(void *state, unsigned slot, size_t offset,
		    uint8_t *buffer, size_t len);
	int	(*erase)(void *state, unsigned slot);
	int	(*write)(void *state, unsigned slot, size_t offset,
		    const uint8_t *data, size_t len);
	int	(*sync)(void *state);
};
/* What a slot takes besides the record. */
#define IMPRINT_DEVICE_SLOT_HEAD	96

/*
 * Storage on two slots that outlives a power cut at any moment: the record is
 * written into the slot that is not in use, and the switch is the last write.
 * The one before stays where it is until the next. A record that is there and
 * does not hold together is IMPRINT_DEVICE_ERROR_STORAGE, unless the other
 * slot has a good one. All fields but these two are the library's.
 */
struct imprint_device_slots {
	const struct imprint_device_blocks	*blocks;
	const struct imprint_device_crypto	*crypto;
	unsigned				 current;
	uint32_t				 sequence;
};
/* ret_storage refers to slots, blocks and crypto, which must stay. Its write
 * is for after a read, as imprint_device_install() has it. */
void	imprint_device_slots_init(struct imprint_device_slots *,
	    const struct imprint_device_blocks *,
	    const struct imprint_device_crypto *,
	    struct imprint_device_storage *ret_storage);

struct imprint_device_key {
	unsigned			slot;
	enum imprint_device_purpose	purpose;
	unsigned			maker;	/* 1 device .. 4 authority */
	struct imprint_bytes		certificate;	/* empty: bare key */
	struct imprint_device_public	public_key;
	struct imprint_bytes		private_key;	/* empty: elsewhere */
};

/*
 * Private keys, which stay where they are: in a secure element, in PSA's key
 * store, in a file. A handle is the slot of the document that the key is for,
 * or IMPRINT_DEVICE_CHIP. Keys are P-256, or X25519 where they agree. Every
 * function returns 0 when it has done its work, anything else when not.
 */
#define IMPRINT_DEVICE_CHIP	8	/* what packages are sealed to */
#define IMPRINT_DEVICE_HANDLES	9
#define IMPRINT_DEVICE_HELD_SIZE 64	/* public keys, at most */
struct imprint_device_keystore {
	void	*state;
	/* The public key of a handle, in room; x.len 0 when there is none. */
	int	(*get)(void *state, unsigned handle,
		    uint8_t room[IMPRINT_DEVICE_HELD_SIZE],
		    struct imprint_device_public *ret_key);
	/* Make a pair that is kept over a restart. The key store never
	 * replaces one: there must be none. Of purpose _ENCRYPT: for agree,
	 * else for sign. */
	int	(*make)(void *state, unsigned handle, enum imprint_device_alg,
		    enum imprint_device_purpose);
	/* The next two use key->private_key or, when that is empty, what is
	 * held for key->slot. ES256 (RFC 9053 2.1) over a digest. */
	int	(*sign)(void *state, const struct imprint_device_key *key,
		    const uint8_t digest[IMPRINT_DEVICE_HASH_SIZE],
		    uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE]);
	/* Diffie-Hellman with a peer's public key of the same algorithm, which
	 * may be none: then not good. The x coordinate of the shared point
	 * (SEC 1 3.3.1), or X25519 of both (RFC 7748 6.1). */
	int	(*agree)(void *state, const struct imprint_device_key *key,
		    const struct imprint_device_public *peer,
		    uint8_t ret_secret[32], bool *ret_good);
};

/*
 * A document is signed directly, or by a receipt (RFC 9942): one signature
 * for a chunk of identities, and the proof that this is one of them.
 */
struct imprint_device_receipt {
	bool			present;	/* else: signed directly */
	bool			fits;		/* it is for the index that
						 * the claims' status has */
	uint64_t		first;		/* index of the chunk's first */
	uint32_t		size;		/* identities in the chunk */
	uint32_t		leaf;		/* which of them, from 0 */
	unsigned		evidence;	/* of the chunk */
	struct imprint_bytes	path;		/* CBOR: array of hashes */
};

/* A package, read. With a certificate, public_key is known once it has been
 * verified. */
struct imprint_device_identity {
	struct imprint_bytes	package;
	struct imprint_bytes	document;
	struct imprint_bytes	protected_header, kid, claims, signature;
	struct imprint_device_receipt receipt;
	struct imprint_bytes	issuer;			/* text */
	int64_t			issued, not_before, expires;
	struct imprint_bytes	ueid;
	struct imprint_device_public confirmation;	/* cnf */
	struct imprint_bytes	scope, capabilities, anchors, names; /* CBOR */
	uint32_t		oemid;
	struct imprint_bytes	hwmodel, hwversion, swname, swversion;
	struct imprint_bytes	product;		/* SHA-256 */
	struct imprint_device_key keys[IMPRINT_DEVICE_SLOTS_MAX];
	size_t			key_count;
	struct imprint_bytes	certs[IMPRINT_DEVICE_CERTS_MAX];
	size_t			cert_count;
	size_t			root;		/* which of certs; verified */
};

struct imprint_device_report {
	enum imprint_device_verdict verdict;
	/* each step's own; DENY for a step that was not reached */
	enum imprint_device_verdict step[IMPRINT_DEVICE_STEP_COUNT];
	const char	*reason;	/* static text, "" when accepted */
	uint8_t		 root[IMPRINT_DEVICE_HASH_SIZE]; /* of its DER, once
							 * STEP_ROOT is good */
	int64_t		 floor;		/* it is not earlier than this */
	int64_t		 expires;	/* document or chain, the earlier */
};

/* What a package is judged by. */
struct imprint_device_trust {
	const uint8_t	*root;	/* SHA-256 of pinned root; NULL: first */
	int64_t		 now;	/* or IMPRINT_DEVICE_TIME_UNKNOWN */
	int64_t		 floor;	/* build time or last known time */
	/* where the keys are that the package says were made in device or
	 * chip; NULL: whether they are there is not looked at */
	const struct imprint_device_keystore *keys;
};

/*
 * Read a package: form only. Verdict ACCEPT, MALFORMED or UNSUPPORTED, with
 * the reason in ret_reason; ret_identity is all zero unless accepted.
 */
enum imprint_device_verdict imprint_device_open(struct imprint_bytes package,
    struct imprint_device_identity *ret_identity, const char **ret_reason);

/* The version that a package states, read by this library or not; 0 when it
 * is none. */
uint64_t imprint_device_package_version(struct imprint_bytes package);

/*
 * Verify a package. ret_identity is filled once STEP_FORM is good.
 * IMPRINT_DEVICE_ERROR_CRYPTO; then the report denies.
 */
enum imprint_device_error imprint_device_verify(
    const struct imprint_device_crypto *, struct imprint_bytes package,
    const struct imprint_device_trust *,
    struct imprint_device_identity *ret_identity,
    struct imprint_device_report *ret_report);

/* What a status list says of an identity. */
struct imprint_device_standing {
	enum imprint_device_verdict verdict;
	const char	*reason;	/* static text, "" when accepted */
	int64_t		 issued;	/* of the list; 0: none was read */
	/* it is not earlier than this: the list's issue, less 5 minutes, is a
	 * time that has been; the caller may keep it for later calls */
	int64_t		 floor;
	int64_t		 expires;	/* of the list */
};

/*
 * Look an identity, which has been verified, up in the Token Status List (CWT
 * form, docs/protocol/status.md) that its document names; who fetches it is
 * the caller. signer: the certificate of the list's signer, or empty; the
 * identity's are tried, too. trust->root is not looked at: the identity's
 * counts.
 *
 * IMPRINT_DEVICE_DENY_REVOKED and _SUSPENDED whatever the list's age.
 * _ACCEPT: valid. _UNKNOWN_TIME: valid when the list was made, the clock is
 * behind the floor. _DENY_EXPIRED: valid then, but the list is too old.
 * _DENY_MALFORMED, _UNSUPPORTED, _SIGNER, _SIGNATURE: the list is no good.
 * _DENY: it tells nothing of this identity. Only IMPRINT_DEVICE_ERROR_CRYPTO.
 */
enum imprint_device_error imprint_device_status(
    const struct imprint_device_crypto *,
    const struct imprint_device_identity *, struct imprint_bytes list,
    struct imprint_bytes signer, const struct imprint_device_trust *,
    struct imprint_device_standing *ret_standing);

/*
 * Effective right: the permission bits that are in the capabilities and in
 * the scope. 0 for an object that is not in both.
 */
uint32_t imprint_device_rights(const struct imprint_device_identity *,
    struct imprint_bytes object);
/* The same for one permission. */
bool	imprint_device_may(const struct imprint_device_identity *,
	    struct imprint_bytes object, enum imprint_device_permission);

struct imprint_device_object {
	struct imprint_bytes	object;		/* text */
	uint32_t		capable;	/* permission bits */
	uint32_t		scope;
	uint32_t		effective;
};
/* Object number n of the capabilities; false when there is none. */
bool	imprint_device_object_at(const struct imprint_device_identity *,
	    size_t n, struct imprint_device_object *ret_object);
/* Name number n: kind and text. */
bool	imprint_device_name_at(const struct imprint_device_identity *,
	    size_t n, struct imprint_bytes *ret_kind,
	    struct imprint_bytes *ret_text);
/* Trust anchor number n: its purpose and a certificate's SHA-256; an anchor
 * that is a key has an empty hash. */
bool	imprint_device_anchor_at(const struct imprint_device_identity *,
	    size_t n, struct imprint_bytes *ret_purpose,
	    struct imprint_bytes *ret_hash);

/*
 * The device's own identity. buffer holds the stored record, private keys
 * included, and belongs to the caller, who wipes it in the end; 64 KB take
 * every package.
 */
struct imprint_device {
	const struct imprint_device_crypto	*crypto;
	const struct imprint_device_storage	*storage;
	/* as in the trust; NULL after imprint_device_init(), then the
	 * caller's to set */
	const struct imprint_device_keystore	*keys;
	/* where the keys of a package are that is to be installed; NULL: as
	 * above */
	const struct imprint_device_keystore	*new_keys;
	int64_t					 floor;	/* see below */
	uint8_t					*buffer;
	size_t					 buffer_size;
	struct imprint_bytes			 record;	/* as stored */
	struct imprint_device_identity		 identity;
	struct imprint_device_report		 report;
};

void	imprint_device_init(struct imprint_device *,
	    const struct imprint_device_crypto *,
	    const struct imprint_device_storage *, int64_t build_time,
	    uint8_t *buffer, size_t size);
/*
 * A time that somebody has signed whom the device trusts, such as a
 * standing's floor: it is not earlier. It never goes back; the caller keeps
 * it over a restart. The floor of a verdict is the latest of these, of the
 * build and of the issue of what is installed.
 */
void	imprint_device_time_seen(struct imprint_device *, int64_t);
/*
 * Read what is installed and verify it again: device->record and report, and
 * device->identity unless the verdict is MALFORMED or UNSUPPORTED.
 */
enum imprint_device_error imprint_device_load(struct imprint_device *,
    int64_t now);

enum imprint_device_install {
	IMPRINT_DEVICE_REFUSED = 0,		/* see the report */
	IMPRINT_DEVICE_INSTALLED = 1,
	IMPRINT_DEVICE_INSTALLED_BEFORE = 2	/* the same bytes */
};
/*
 * Verify package and, if all is well or only the time unknown, store it.
 * Another UEID than the installed one's is refused unless replace; another
 * root and, for the same UEID, an older document always. A record that is
 * there but does not hold together is refused to be replaced: DENY with the
 * reason, UNSUPPORTED when it is of another version. package must not lie in
 * the buffer. ret_identity and ret_report speak of the package;
 * device->identity is loaded only afterwards.
 */
enum imprint_device_error imprint_device_install(struct imprint_device *,
    struct imprint_bytes package, int64_t now, bool replace,
    struct imprint_device_identity *ret_identity,
    struct imprint_device_report *ret_report,
    enum imprint_device_install *ret_install);

/*
 * Packages that are sealed to the device's chip (docs/protocol/pack.md): what
 * the chip alone can open, into the package that imprint_device_install()
 * takes, which verifies it; nothing but the seal is judged here.
 */
bool	imprint_device_is_sealed(struct imprint_bytes);
/*
 * keys: IMPRINT_DEVICE_CHIP must be there. room: the caller's, who wipes it;
 * at least sealed.len + 32 octets, else IMPRINT_DEVICE_ERROR_LIMIT. Verdict in
 * the report, which has no steps: _ACCEPT; _MALFORMED, _UNSUPPORTED; _KEYS:
 * another chip's, altered, or there is no such key here; ret_len is 0 then.
 */
enum imprint_device_error imprint_device_unseal(
    const struct imprint_device_crypto *,
    const struct imprint_device_keystore *, struct imprint_bytes sealed,
    uint8_t *room, size_t size, size_t *ret_len,
    struct imprint_device_report *ret_report);

/*
 * What a device says of itself with its keys. IMPRINT_DEVICE_ERROR_NONE: the
 * key is not there; _LIMIT: the buffer is too small; _CRYPTO.
 *
 * That it has the key of a handle, over a text that somebody chose (a challenge
 * or an order's words): the COSE_Sign1 that goes into a list of devices
 * (docs/protocol/lists.md, cose). signer: the same handle, or of a key that
 * cannot sign the first one of the device that can. 512 octets and the lengths
 * of id and text are enough.
 */
enum imprint_device_error imprint_device_proof(
    const struct imprint_device_crypto *,
    const struct imprint_device_keystore *, unsigned handle, unsigned signer,
    struct imprint_bytes id, struct imprint_bytes text, uint8_t *out,
    size_t size, size_t *ret_len);
#define IMPRINT_DEVICE_NONCE_SIZE	32
/*
 * For the station's nonce (docs/protocol/line.md, commit): that the identity
 * is in this device. Its key must be P-256.
 */
enum imprint_device_error imprint_device_evidence(
    const struct imprint_device_crypto *,
    const struct imprint_device_keystore *,
    const struct imprint_device_identity *,
    const uint8_t nonce[IMPRINT_DEVICE_NONCE_SIZE],
    uint8_t ret_signature[IMPRINT_DEVICE_SIGNATURE_SIZE]);

/* Words for people; never NULL. */
const char *imprint_device_verdict_name(enum imprint_device_verdict);
const char *imprint_device_step_name(enum imprint_device_step);
const char *imprint_device_error_name(enum imprint_device_error);
const char *imprint_device_permission_name(enum imprint_device_permission);
const char *imprint_device_purpose_name(enum imprint_device_purpose);
const char *imprint_device_alg_name(enum imprint_device_alg);
const char *imprint_device_maker_name(unsigned maker);
/* ERR: false when text is no permission; case matters. */
bool	imprint_device_permission_by_name(const char *text,
	    enum imprint_device_permission *ret_permission);

#ifdef __cplusplus
}
#endif

#endif
