#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/crypto/key_internal.h"
#include "tests/support/hex.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 8032 7.1, tests 1 to 3. */
static const struct {
	const char *private, *public, *message, *signature;
} ed25519_vectors[] = {
	{
	    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae"
	    "7f60",
	    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707"
	    "511a",
	    "",
	    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e0652249"
	    "01555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465514143"
	    "8e7a100b" },
	{
	    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8"
	    "a6fb",
	    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4"
	    "660c",
	    "72",
	    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb"
	    "69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d2916"
	    "12bb0c00" },
	{
	    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b44"
	    "58f7",
	    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb91154890"
	    "8025",
	    "af82",
	    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5a"
	    "c3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027bece"
	    "ea1ec40a" },
};

/* CAVP SigVer (FIPS 186-3), P-256 with SHA-256. */
static const struct {
	const char	*message, *x, *y, *r, *s;
	bool		 good;
} ecdsa_vectors[] = {
	{
	    "e4796db5f785f207aa30d311693b3702821dff1168fd2e04c0836825aefd"
	    "850d9aa60326d88cde1a23c7745351392ca2288d632c264f197d05cd424a"
	    "30336c19fd09bb229654f0222fcb881a4b35c290a093ac159ce13409111f"
	    "f0358411133c24f5b8e2090d6db6558afc36f06ca1f6ef779785adba68db"
	    "27a409859fc4c4a0",
	    "87f8f2b218f49845f6f10eec3877136269f5c1a54736dbdf69f89940cad4"
	    "1555",
	    "e15f369036f49842fac7a86c8a2b0557609776814448b8f5e84aa9f43952"
	    "05e9",
	    "d19ff48b324915576416097d2544f7cbdf8768b1454ad20e0baac50e211f"
	    "23b0",
	    "a3e81e59311cdfff2d4784949f7a2cb50ba6c3a91fa54710568e61aca3e8"
	    "47c6",
	    false },
	{
	    "069a6e6b93dfee6df6ef6997cd80dd2182c36653cef10c655d5245856554"
	    "62d683877f95ecc6d6c81623d8fac4e900ed0019964094e7de91f1481989"
	    "ae1873004565789cbf5dc56c62aedc63f62f3b894c9c6f7788c8ecaadc9b"
	    "d0e81ad91b2b3569ea12260e93924fdddd3972af5273198f5efda0746219"
	    "475017557616170e",
	    "5cf02a00d205bdfee2016f7421807fc38ae69e6b7ccd064ee689fc1a94a9"
	    "f7d2",
	    "ec530ce3cc5c9d1af463f264d685afe2b4db4b5828d7e61b748930f3ce62"
	    "2a85",
	    "dc23d130c6117fb5751201455e99f36f59aba1a6a21cf2d0e7481a97451d"
	    "6693",
	    "d6ce7708c18dbf35d4f8aa7240922dc6823f2e7058cbc1484fcad1599db5"
	    "018c",
	    false },
	{
	    "df04a346cf4d0e331a6db78cca2d456d31b0a000aa51441defdb97bbeb20"
	    "b94d8d746429a393ba88840d661615e07def615a342abedfa4ce912e562a"
	    "f714959896858af817317a840dcff85a057bb91a3c2bf90105500362754a"
	    "6dd321cdd86128cfc5f04667b57aa78c112411e42da304f1012d48cd6a70"
	    "52d7de44ebcc01de",
	    "2ddfd145767883ffbb0ac003ab4a44346d08fa2570b3120dcce945624222"
	    "44cb",
	    "5f70c7d11ac2b7a435ccfbbae02c3df1ea6b532cc0e9db74f93fffca7c6f"
	    "9a64",
	    "9913111cff6f20c5bf453a99cd2c2019a4e749a49724a08774d14e4c113e"
	    "dda8",
	    "9467cd4cd21ecb56b0cab0a9a453b43386845459127a952421f5c6382866"
	    "c5cc",
	    false },
	{
	    "e1130af6a38ccb412a9c8d13e15dbfc9e69a16385af3c3f1e5da954fd5e7"
	    "c45fd75e2b8c36699228e92840c0562fbf3772f07e17f1add56588dd45f7"
	    "450e1217ad239922dd9c32695dc71ff2424ca0dec1321aa47064a044b7fe"
	    "3c2b97d03ce470a592304c5ef21eed9f93da56bb232d1eeb0035f9bf0dfa"
	    "fdcc4606272b20a3",
	    "e424dc61d4bb3cb7ef4344a7f8957a0c5134e16f7a67c074f82e6e12f49a"
	    "bf3c",
	    "970eed7aa2bc48651545949de1dddaf0127e5965ac85d1243d6f60e7dfae"
	    "e927",
	    "bf96b99aa49c705c910be33142017c642ff540c76349b9dab72f981fd934"
	    "7f4f",
	    "17c55095819089c2e03b9cd415abdf12444e323075d98f31920b9e0f57ec"
	    "871c",
	    true },
	{
	    "73c5f6a67456ae48209b5f85d1e7de7758bf235300c6ae2bdceb1dcb27a7"
	    "730fb68c950b7fcada0ecc4661d3578230f225a875e69aaa17f1e71c6be5"
	    "c831f22663bac63d0c7a9635edb0043ff8c6f26470f02a7bc56556f1437f"
	    "06dfa27b487a6c4290d8bad38d4879b334e341ba092dde4e4ae694a9c093"
	    "02e2dbf443581c08",
	    "e0fc6a6f50e1c57475673ee54e3a57f9a49f3328e743bf52f335e3eeaa3d"
	    "2864",
	    "7f59d689c91e463607d9194d99faf316e25432870816dde63f5d4b373f12"
	    "f22a",
	    "1d75830cd36f4c9aa181b2c4221e87f176b7f05b7c87824e82e396c88315"
	    "c407",
	    "cb2acb01dac96efc53a32d4a0d85d0c2e48955214783ecf50a4f0414a319"
	    "c05a",
	    true },
	{
	    "666036d9b4a2426ed6585a4e0fd931a8761451d29ab04bd7dc6d0c5b9e38"
	    "e6c2b263ff6cb837bd04399de3d757c6c7005f6d7a987063cf6d7e8cb38a"
	    "4bf0d74a282572bd01d0f41e3fd066e3021575f0fa04f27b700d5b7ddddf"
	    "50965993c3f9c7118ed78888da7cb221849b3260592b8e632d7c51e935a0"
	    "ceae15207bedd548",
	    "a849bef575cac3c6920fbce675c3b787136209f855de19ffe2e8d29b31a5"
	    "ad86",
	    "bf5fe4f7858f9b805bd8dcc05ad5e7fb889de2f822f3d8b41694e6c55c16"
	    "b471",
	    "25acc3aa9d9e84c7abf08f73fa4195acc506491d6fc37cb9074528a7db87"
	    "b9d6",
	    "9b21d5b5259ed3f2ef07dfec6cc90d3a37855d1ce122a85ba6a333f307d3"
	    "1537",
	    false },
	{
	    "7e80436bce57339ce8da1b5660149a20240b146d108deef3ec5da4ae256f"
	    "8f894edcbbc57b34ce37089c0daa17f0c46cd82b5a1599314fd79d2fd2f4"
	    "46bd5a25b8e32fcf05b76d644573a6df4ad1dfea707b479d97237a346f1e"
	    "c632ea5660efb57e8717a8628d7f82af50a4e84b11f21bdff6839196a880"
	    "ae20b2a0918d58cd",
	    "3dfb6f40f2471b29b77fdccba72d37c21bba019efa40c1c8f91ec405d7dc"
	    "c5df",
	    "f22f953f1e395a52ead7f3ae3fc47451b438117b1e04d613bc8555b7d6e6"
	    "d1bb",
	    "548886278e5ec26bed811dbb72db1e154b6f17be70deb1b210107decb1ec"
	    "2a5a",
	    "e93bfebd2f14f3d827ca32b464be6e69187f5edbd52def4f96599c37d58e"
	    "ee75",
	    false },
	{
	    "1669bfb657fdc62c3ddd63269787fc1c969f1850fb04c933dda063ef74a5"
	    "6ce13e3a649700820f0061efabf849a85d474326c8a541d99830eea8131e"
	    "aea584f22d88c353965dabcdc4bf6b55949fd529507dfb803ab6b480cd73"
	    "ca0ba00ca19c438849e2cea262a1c57d8f81cd257fb58e19dec7904da97d"
	    "8386e87b84948169",
	    "69b7667056e1e11d6caf6e45643f8b21e7a4bebda463c7fdbc13bc98efbd"
	    "0214",
	    "d3f9b12eb46c7c6fda0da3fc85bc1fd831557f9abc902a3be3cb3e8be7d1"
	    "aa2f",
	    "288f7a1cd391842cce21f00e6f15471c04dc182fe4b14d92dc1891087979"
	    "9790",
	    "247b3c4e89a3bcadfea73c7bfd361def43715fa382b8c3edf4ae15d6e55e"
	    "9979",
	    false },
	{
	    "3fe60dd9ad6caccf5a6f583b3ae65953563446c4510b70da115ffaa0ba04"
	    "c076115c7043ab8733403cd69c7d14c212c655c07b43a7c71b9a4cffe22c"
	    "2684788ec6870dc2013f269172c822256f9e7cc674791bf2d8486c0f5684"
	    "283e1649576efc982ede17c7b74b214754d70402fb4bb45ad086cf2cf76b"
	    "3d63f7fce39ac970",
	    "bf02cbcf6d8cc26e91766d8af0b164fc5968535e84c158eb3bc4e2d79c3c"
	    "c682",
	    "069ba6cb06b49d60812066afa16ecf7b51352f2c03bd93ec220822b1f3df"
	    "ba03",
	    "f5acb06c59c2b4927fb852faa07faf4b1852bbb5d06840935e849c4d293d"
	    "1bad",
	    "049dab79c89cc02f1484c437f523e080a75f134917fda752f2d5ca397add"
	    "fe5d",
	    false },
	{
	    "983a71b9994d95e876d84d28946a041f8f0a3f544cfcc055496580f1dfd4"
	    "e312a2ad418fe69dbc61db230cc0c0ed97e360abab7d6ff4b81ee970a7e9"
	    "7466acfd9644f828ffec538abc383d0e92326d1c88c55e1f46a668a039be"
	    "aa1be631a89129938c00a81a3ae46d4aecbf9707f764dbaccea3ef7665e4"
	    "c4307fa0b0a3075c",
	    "224a4d65b958f6d6afb2904863efd2a734b31798884801fcab5a590f4d6d"
	    "a9de",
	    "178d51fddada62806f097aa615d33b8f2404e6b1479f5fd4859d595734d6"
	    "d2b9",
	    "87b93ee2fecfda54deb8dff8e426f3c72c8864991f8ec2b3205bb3b416de"
	    "93d2",
	    "4044a24df85be0cc76f21a4430b75b8e77b932a87f51e4eccbc45c263ebf"
	    "8f66",
	    false },
	{
	    "4a8c071ac4fd0d52faa407b0fe5dab759f7394a5832127f2a3498f34aac2"
	    "87339e043b4ffa79528faf199dc917f7b066ad65505dab0e11e694851505"
	    "2ce20cfdb892ffb8aa9bf3f1aa5be30a5bbe85823bddf70b39fd7ebd4a93"
	    "a2f75472c1d4f606247a9821f1a8c45a6cb80545de2e0c6c0174e2392088"
	    "c754e9c8443eb5af",
	    "43691c7795a57ead8c5c68536fe934538d46f12889680a9cb6d055a06622"
	    "8369",
	    "f8790110b3c3b281aa1eae037d4f1234aff587d903d93ba3af225c27ddc9"
	    "ccac",
	    "8acd62e8c262fa50dd9840480969f4ef70f218ebf8ef9584f199031132c6"
	    "b1ce",
	    "cfca7ed3d4347fb2a29e526b43c348ae1ce6c60d44f3191b6d8ea3a2d9c9"
	    "2154",
	    false },
	{
	    "0a3a12c3084c865daf1d302c78215d39bfe0b8bf28272b3c0b74beb4b740"
	    "9db0718239de700785581514321c6440a4bbaea4c76fa47401e151e68cb6"
	    "c29017f0bce4631290af5ea5e2bf3ed742ae110b04ade83a5dbd7358f29a"
	    "85938e23d87ac8233072b79c94670ff0959f9c7f4517862ff829452096c7"
	    "8f5f2e9a7e4e9216",
	    "9157dbfcf8cf385f5bb1568ad5c6e2a8652ba6dfc63bc1753edf5268cb7e"
	    "b596",
	    "972570f4313d47fc96f7c02d5594d77d46f91e949808825b3d31f029e829"
	    "6405",
	    "dfaea6f297fa320b707866125c2a7d5d515b51a503bee817de9faa343cc4"
	    "8eeb",
	    "8f780ad713f9c3e5a4f7fa4c519833dfefc6a7432389b1e4af463961f097"
	    "64f2",
	    false },
	{
	    "785d07a3c54f63dca11f5d1a5f496ee2c2f9288e55007e666c78b007d95c"
	    "c28581dce51f490b30fa73dc9e2d45d075d7e3a95fb8a9e1465ad1919041"
	    "24160b7c60fa720ef4ef1c5d2998f40570ae2a870ef3e894c2bc617d8a1d"
	    "c85c3c55774928c38789b4e661349d3f84d2441a3b856a76949b9f1f80bc"
	    "161648a1cad5588e",
	    "072b10c081a4c1713a294f248aef850e297991aca47fa96a7470abe3b8ac"
	    "fdda",
	    "9581145cca04a0fb94cedce752c8f0370861916d2a94e7c647c5373ce6a4"
	    "c8f5",
	    "09f5483eccec80f9d104815a1be9cc1a8e5b12b6eb482a65c6907b7480cf"
	    "4f19",
	    "a4f90e560c5e4eb8696cb276e5165b6a9d486345dedfb094a76e8442d026"
	    "378d",
	    false },
	{
	    "76f987ec5448dd72219bd30bf6b66b0775c80b394851a43ff1f537f140a6"
	    "e7229ef8cd72ad58b1d2d20298539d6347dd5598812bc65323aceaf05228"
	    "f738b5ad3e8d9fe4100fd767c2f098c77cb99c2992843ba3eed91d32444f"
	    "3b6db6cd212dd4e5609548f4bb62812a920f6e2bf1581be1ebeebdd06ec4"
	    "e971862cc42055ca",
	    "09308ea5bfad6e5adf408634b3d5ce9240d35442f7fe116452aaec0d25be"
	    "8c24",
	    "f40c93e023ef494b1c3079b2d10ef67f3170740495ce2cc57f8ee4b0618b"
	    "8ee5",
	    "5cc8aa7c35743ec0c23dde88dabd5e4fcd0192d2116f6926fef788cddb75"
	    "4e73",
	    "9c9c045ebaa1b828c32f82ace0d18daebf5e156eb7cbfdc1eff4399a8a90"
	    "0ae7",
	    false },
	{
	    "60cd64b2cd2be6c33859b94875120361a24085f3765cb8b2bf11e026fa9d"
	    "8855dbe435acf7882e84f3c7857f96e2baab4d9afe4588e4a82e17a78827"
	    "bfdb5ddbd1c211fbc2e6d884cddd7cb9d90d5bf4a7311b83f35250803381"
	    "2c776a0e00c003c7e0d628e50736c7512df0acfa9f2320bd102229f46495"
	    "ae6d0857cc452a84",
	    "2d98ea01f754d34bbc3003df5050200abf445ec728556d7ed7d5c54c5555"
	    "2b6d",
	    "9b52672742d637a32add056dfd6d8792f2a33c2e69dafabea09b960bc61e"
	    "230a",
	    "06108e525f845d0155bf60193222b3219c98e3d49424c2fb2a0987f825c1"
	    "7959",
	    "62b5cdd591e5b507e560167ba8f6f7cda74673eb315680cb89ccbc4eec47"
	    "7dce",
	    true },
};

static void
test_ed25519(void **state)
{
	uint8_t private[32], raw[32], text[8], want[64], got[64];
	struct public_key public;
	struct bytes message;
	size_t i;
	bool good;

	(void)state;
	for (i = 0; i < COUNT(ed25519_vectors); i++) {
		_cleanup_signer_ struct signer *signer = NULL;
		_cleanup_verifier_ struct verifier *verifier = NULL;

		message = HEX(ed25519_vectors[i].message, text);
		(void)HEX(ed25519_vectors[i].signature, want);
		assert_int_equal(signer_new(KEY_ED25519,
		    HEX(ed25519_vectors[i].private, private), &signer, NULL),
		    ERR_OK);
		assert_int_equal(signer_alg(signer), KEY_ED25519);
		assert_int_equal(public_key_check(KEY_ED25519,
		    HEX(ed25519_vectors[i].public, raw), &public, NULL),
		    ERR_OK);
		assert_memory_equal(signer_public(signer)->raw, raw, 32);
		assert_int_equal(verifier_new(&public, &verifier, NULL),
		    ERR_OK);
		/* twice: the contexts are used again */
		assert_int_equal(signer_sign(signer, message, got), ERR_OK);
		assert_int_equal(signer_sign(signer, message, got), ERR_OK);
		assert_memory_equal(got, want, sizeof(want));
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(want, 64), &good), ERR_OK);
		assert_true(good);
		want[40] ^= 1;
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(want, 64), &good), ERR_OK);
		assert_false(good);
		assert_int_equal(verifier_check(verifier, bytes_text("?"),
		    bytes_of(got, 64), &good), ERR_OK);
		assert_false(good);
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(got, 63), &good), ERR_OK);
		assert_false(good);
		/* a digest is not what Ed25519 signs */
		assert_int_equal(signer_sign_digest(signer, raw, got),
		    ERR_INVALID);
		assert_int_equal(verifier_check_digest(verifier, raw,
		    bytes_of(got, 64), &good), ERR_INVALID);
	}
}

static void
test_ecdsa_vectors(void **state)
{
	uint8_t text[256], raw[65] = { 4 }, sig[64];
	uint8_t digest[SHA256_SIZE];
	struct public_key public;
	struct bytes message;
	size_t i, good_count = 0;
	bool good;

	(void)state;
	for (i = 0; i < COUNT(ecdsa_vectors); i++) {
		_cleanup_verifier_ struct verifier *verifier = NULL;

		message = HEX(ecdsa_vectors[i].message, text);
		(void)hex_bytes(ecdsa_vectors[i].x, raw + 1, 32);
		(void)hex_bytes(ecdsa_vectors[i].y, raw + 33, 32);
		(void)hex_bytes(ecdsa_vectors[i].r, sig, 32);
		(void)hex_bytes(ecdsa_vectors[i].s, sig + 32, 32);
		assert_int_equal(public_key_check(KEY_P256, bytes_of(raw, 65),
		    &public, NULL), ERR_OK);
		assert_int_equal(verifier_new(&public, &verifier, NULL),
		    ERR_OK);
		good = !ecdsa_vectors[i].good;
		assert_int_equal(verifier_check(verifier, message,
		    bytes_of(sig, 64), &good), ERR_OK);
		assert_int_equal(good, ecdsa_vectors[i].good);
		assert_int_equal(sha256_once(message, digest), ERR_OK);
		good = !ecdsa_vectors[i].good;
		assert_int_equal(verifier_check_digest(verifier, digest,
		    bytes_of(sig, 64), &good), ERR_OK);
		assert_int_equal(good, ecdsa_vectors[i].good);
		good_count += good ? 1 : 0;
	}
	assert_true(good_count > 0 && good_count < COUNT(ecdsa_vectors));
}

static void
test_ecdsa_round_trip(void **state)
{
	_cleanup_keygen_ struct keygen *keygen = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	uint8_t private[32], digest[32], sig[64], raw[64];
	struct bytes parts[2] = { bytes_text("ab"), bytes_text("c") };
	struct public_key public;
	size_t i;
	bool good;

	(void)state;
	assert_int_equal(keygen_new(KEY_P256, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, &public, private, &i),
	    ERR_OK);
	assert_int_equal(signer_new(KEY_P256, bytes_of(private, 32), &signer,
	    NULL), ERR_OK);
	assert_int_equal(signer_alg(signer), KEY_P256);
	assert_memory_equal(signer_public(signer)->raw, public.raw, 65);
	assert_int_equal(verifier_new(&public, &verifier, NULL), ERR_OK);
	assert_int_equal(sha256_once(bytes_text("abc"), digest), ERR_OK);
	/* enough for r or s to start with a zero now and then */
	for (i = 0; i < 600; i++) {
		assert_int_equal(signer_sign_digest(signer, digest, sig),
		    ERR_OK);
		assert_int_equal(verifier_check_digest(verifier, digest,
		    bytes_of(sig, 64), &good), ERR_OK);
		assert_true(good);
	}
	for (i = 0; i < 64; i++) {
		memcpy(raw, sig, sizeof(raw));
		raw[i] ^= 0x10;
		assert_int_equal(verifier_check_digest(verifier, digest,
		    bytes_of(raw, 64), &good), ERR_OK);
		assert_false(good);
	}
	assert_int_equal(signer_sign(signer, bytes_text("abc"), sig), ERR_OK);
	assert_int_equal(verifier_check_digest(verifier, digest,
	    bytes_of(sig, 64), &good), ERR_OK);
	assert_true(good);
	assert_int_equal(signer_sign_parts(signer, parts, 2, sig), ERR_OK);
	assert_int_equal(verifier_check(verifier, bytes_text("abc"),
	    bytes_of(sig, 64), &good), ERR_OK);
	assert_true(good);
}

/* One verifier for key after key: it knows the last one and no other. */
static void
test_renew(void **state)
{
	static const enum key_alg algs[] = { KEY_P256, KEY_P256, KEY_ED25519,
	    KEY_P256, KEY_P256 };
	_cleanup_verifier_ struct verifier *verifier = NULL;
	uint8_t private[KEY_PRIVATE_MAX], sigs[5][SIGNATURE_SIZE];
	struct public_key public;
	size_t i, j, len;
	bool good = false;

	(void)state;
	for (i = 0; i < COUNT(algs); i++) {
		_cleanup_keygen_ struct keygen *keygen = NULL;
		_cleanup_signer_ struct signer *signer = NULL;

		assert_int_equal(keygen_new(algs[i], &keygen, NULL), ERR_OK);
		assert_int_equal(keygen_run(keygen, &public, private, &len),
		    ERR_OK);
		assert_int_equal(signer_new(algs[i], bytes_of(private, len),
		    &signer, NULL), ERR_OK);
		assert_int_equal(signer_sign(signer, bytes_text("abc"),
		    sigs[i]), ERR_OK);
		assert_int_equal(verifier_renew(&verifier, &public, NULL),
		    ERR_OK);
		for (j = 0; j <= i; j++) {
			assert_int_equal(verifier_check(verifier,
			    bytes_text("abc"), bytes_of(sigs[j],
			    SIGNATURE_SIZE), &good), ERR_OK);
			assert_int_equal(good, j == i);
		}
	}
	public.raw[5] ^= 1;	/* no point of the curve */
	assert_int_equal(verifier_renew(&verifier, &public, NULL),
	    ERR_CRYPTO);
	assert_null(verifier);
}

/* Values no signature has are bad signatures, not errors. */
static void
test_ecdsa_bad_values(void **state)
{
	static const size_t lens[] = { 0, 63, 65 };
	_cleanup_keygen_ struct keygen *keygen = NULL;
	_cleanup_verifier_ struct verifier *verifier = NULL;
	uint8_t private[32], digest[32] = { 1 }, sig[65];
	struct public_key public;
	size_t i;
	bool good;

	(void)state;
	assert_int_equal(keygen_new(KEY_P256, &keygen, NULL), ERR_OK);
	assert_int_equal(keygen_run(keygen, &public, private, &i),
	    ERR_OK);
	assert_int_equal(verifier_new(&public, &verifier, NULL), ERR_OK);
	for (i = 0; i < 4; i++) {
		memset(sig, (i & 1) ? 0xff : 0x00, 32);
		memset(sig + 32, (i & 2) ? 0xff : 0x00, 32);
		good = true;
		assert_int_equal(verifier_check_digest(verifier, digest,
		    bytes_of(sig, 64), &good), ERR_OK);
		assert_false(good);
	}
	memset(sig, 1, sizeof(sig));
	for (i = 0; i < COUNT(lens); i++) {
		good = true;
		assert_int_equal(verifier_check_digest(verifier, digest,
		    bytes_of(sig, lens[i]), &good), ERR_OK);
		assert_false(good);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

struct distant {
	int		signatures, frees;
	struct bytes	last;
	enum err	err;
};

static enum err
distant_sign(void *state, struct bytes input, uint8_t ret_sig[SIGNATURE_SIZE])
{
	struct distant *d = state;

	d->signatures++;
	d->last.len = input.len;
	if (d->err == ERR_OK)
		memset(ret_sig, 0x42, SIGNATURE_SIZE);
	return d->err;
}

static void
distant_free(void *state)
{
	((struct distant *)state)->frees++;
}

/* Keys elsewhere: P-256 gets the digest, Ed25519 the whole message. */
static void
test_signer_ops(void **state)
{
	static const struct signer_ops ops = { distant_sign, distant_free };
	struct distant d = { .err = ERR_OK };
	struct public_key public = { .alg = KEY_P256, .len = 65 };
	struct bytes parts[2] = { bytes_text("some"), bytes_text("thing") };
	struct signer *signer = NULL;
	uint8_t sig[64];

	(void)state;
	assert_int_equal(signer_new_ops(&ops, &d, &public, &signer, NULL),
	    ERR_OK);
	assert_int_equal(signer_sign(signer, bytes_text("something"), sig),
	    ERR_OK);
	assert_int_equal(d.last.len, SHA256_SIZE);
	assert_int_equal(sig[63], 0x42);
	d.err = ERR_BUSY;
	assert_int_equal(signer_sign_digest(signer, sig, sig), ERR_BUSY);
	signer_free(&signer);
	assert_null(signer);
	assert_int_equal(d.frees, 1);

	public.alg = KEY_ED25519;
	d.err = ERR_OK;
	assert_int_equal(signer_new_ops(&ops, &d, &public, &signer, NULL),
	    ERR_OK);
	assert_int_equal(signer_sign_parts(signer, parts, 2, sig), ERR_OK);
	assert_int_equal(d.last.len, 9);
	signer_free(&signer);
	assert_int_equal(d.frees, 2);

	public.alg = KEY_X25519;
	assert_int_equal(signer_new_ops(&ops, &d, &public, &signer, NULL),
	    ERR_INVALID);
	assert_int_equal(d.frees, 2);
}

static void
test_agreement_key_signs_nothing(void **state)
{
	struct public_key public = { .alg = KEY_X25519, .len = 32 };
	struct verifier *verifier = NULL;
	struct signer *signer = NULL;
	uint8_t private[32] = { 1 };

	(void)state;
	assert_int_equal(signer_new(KEY_X25519, bytes_of(private, 32),
	    &signer, NULL), ERR_INVALID);
	assert_int_equal(verifier_new(&public, &verifier, NULL), ERR_INVALID);
	assert_null(signer);
	assert_null(verifier);
}

/*
 * With r = -digest / private and s = 1 the check leads to the point at
 * infinity, and OpenSSL says -1 instead of 0. Whoever has any key can make
 * that; it is a bad signature and no fault of this machine.
 */
static void
test_infinity(void **state)
{
	static const uint8_t order[32] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
		0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2,
		0xfc, 0x63, 0x25, 0x51 };
	static const uint8_t one[32] = { [31] = 1 };
	_cleanup_verifier_ struct verifier *verifier = NULL;
	_cleanup_signer_ struct signer *signer = NULL;
	uint8_t digest[SHA256_SIZE], sig[SIGNATURE_SIZE] = { [63] = 1 };
	bool is_good = true;
	int i, difference = 0;

	(void)state;
	assert_int_equal(signer_new(KEY_P256, bytes_of(one, sizeof(one)),
	    &signer, NULL), ERR_OK);
	assert_int_equal(verifier_new(signer_public(signer), &verifier,
	    NULL), ERR_OK);
	assert_int_equal(sha256_once(bytes_text("any"), digest), ERR_OK);
	for (i = 31; i >= 0; i--) {
		difference = order[i] - digest[i] - (difference < 0);
		sig[i] = (uint8_t)difference;
	}
	assert_int_equal(verifier_check(verifier, bytes_text("any"),
	    bytes_of(sig, sizeof(sig)), &is_good), ERR_OK);
	assert_false(is_good);
	is_good = true;
	assert_int_equal(verifier_check_digest(verifier, digest,
	    bytes_of(sig, sizeof(sig)), &is_good), ERR_OK);
	assert_false(is_good);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_ecdsa_vectors),
		cmocka_unit_test(test_ecdsa_round_trip),
		cmocka_unit_test(test_renew),
		cmocka_unit_test(test_ecdsa_bad_values),
		cmocka_unit_test(test_signer_ops),
		cmocka_unit_test(test_agreement_key_signs_nothing),
		cmocka_unit_test(test_infinity)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
