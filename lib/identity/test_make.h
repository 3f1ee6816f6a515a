/*
 * Identities for the tests of this folder: keys, an issuer, templates of the
 * sample products and makers on them.
 */
#ifndef IMPRINT_IDENTITY_TEST_MAKE_H
#define IMPRINT_IDENTITY_TEST_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/identity/maker.h"
#include "lib/policy/product_yaml.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define TIME_2026	INT64_C(1767225600)	/* 2026-01-01T00:00:00Z */
#define PUBLISH		"https://pki.example.net"

static const char *const sample_files[] = {
	"examples/products/camera.yaml",
	"examples/products/glucose-monitor.yaml",
	"examples/products/wind-turbine-sensor.yaml",
};

/* private may be NULL, or room for a key of 32 octets; ret_signer may be
 * NULL. */
static inline void
key_make(enum key_alg alg, struct public_key *ret_key,
    uint8_t private[KEY_PRIVATE_SIZE], struct signer **ret_signer)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	uint8_t own[KEY_PRIVATE_MAX];
	size_t len = 0;

	assert_int_equal(keygen_new(alg, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, ret_key, own, &len), ERR_OK);
	if (private != NULL)
		memcpy(private, own, KEY_PRIVATE_SIZE);
	if (ret_signer != NULL)
		assert_int_equal(signer_new(alg, bytes_of(own, len),
		    ret_signer, NULL), ERR_OK);
}

static inline void
product_load(const char *file, struct product *ret_product)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct diag diag = DIAG_INIT;

	assert_int_equal(io_read_file(io_posix(), file, &text, NULL), ERR_OK);
	if (product_yaml_parse(file, buf_bytes(&text), ret_product, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
}

struct world {
	struct product		 product;
	struct template_issuer	 about;		/* the issuing CA */
	struct buf		 name;
	struct public_key	 issuer_key, document_key;
	struct signer		*issuer, *document;
	struct template		*template;
	struct identity_maker	*maker;
	struct public_key	 keys[PRODUCT_SLOTS_MAX];
	struct identity_range	 range;
	const struct identity_names *names;	/* of all ranges */
};

#define _cleanup_world_ __attribute__((cleanup(world_release)))

static inline void
world_release(struct world *w)
{
	identity_maker_free(&w->maker);
	template_free(&w->template);
	signer_free(&w->issuer);
	signer_free(&w->document);
	buf_release(&w->name);
}

static inline void
world_range(struct world *w, int64_t issued)
{
	static const uint8_t seed[32] = { 1, 2, 3 };

	w->range = (struct identity_range){ .epoch = EPOCH_FIRST,
	    .seed = bytes_of(seed, sizeof(seed)), .issued = issued,
	    .evidence = EVIDENCE_ORDER, .names = w->names };
	assert_int_equal(identity_maker_range(w->maker, &w->range, NULL),
	    ERR_OK);
}

static inline void
world_maker(struct world *w, struct identity_maker **ret_maker)
{
	static const uint8_t serial_key[32] = { 4 }, ueid_key[32] = { 5 };

	assert_int_equal(identity_maker_new(w->template, bytes_of(serial_key,
	    32), bytes_of(ueid_key, 32), ret_maker, NULL), ERR_OK);
}

/* Of a product that is there already. */
static inline void
world_fill(struct world *w)
{
	_cleanup_sha256_ struct sha256 *sha256 = NULL;
	struct diag diag = DIAG_INIT;
	size_t i;

	w->name = (struct buf)BUF_INIT;
	certificate_put_name(&w->name, "Example", "Issuing CA bulk");
	key_make(KEY_P256, &w->issuer_key, NULL, &w->issuer);
	key_make(KEY_P256, &w->document_key, NULL, &w->document);
	w->about = (struct template_issuer){ .issuer = PUBLISH "/test",
	    .publish_url = PUBLISH, .log_name = "bulk", .log = 1,
	    .name = buf_bytes(&w->name) };
	memset(w->about.root_hash, 0x77, SHA256_SIZE);
	assert_int_equal(sha256_new(&sha256, NULL), ERR_OK);
	assert_int_equal(certificate_key_id(sha256, &w->issuer_key,
	    w->about.key_id), ERR_OK);
	assert_int_equal(cose_key_thumbprint(&w->document_key,
	    w->about.document_kid), ERR_OK);
	if (template_new(&w->product, &w->about, &w->template, &diag) !=
	    ERR_OK)
		fail_msg("%s", diag.what);
	for (i = 0; i < w->template->slot_count; i++)
		key_make(w->template->slots[i].alg, &w->keys[i], NULL, NULL);
	world_maker(w, &w->maker);
	world_range(w, TIME_2026);
}

/* w is all zeroes, or has names. */
static inline void
world_make(struct world *w, const char *file)
{
	product_load(file, &w->product);
	world_fill(w);
}

static inline enum err
world_identity(struct world *w, uint64_t index, struct identity *ret_identity)
{
	return identity_maker_make(w->maker, index, w->keys, w->issuer,
	    w->document, ret_identity, NULL);
}

#endif
