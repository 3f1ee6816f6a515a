/*
 * EST as BouncyCastle speaks it, one run a life: CA certificates, attributes,
 * enrolment with a certificate of birth, renewal with what that brought, for a
 * new key and signed by the old one, too.
 *
 *	java -cp ... Est.java HOST:PORT ROOT.pem BIRTH.p12 PASSWORD OUT
 *
 * Writes OUT.1.pem and OUT.2.pem; prints what the server wants.
 */
import java.io.FileInputStream;
import java.io.FileWriter;
import java.io.OutputStream;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERBitString;
import org.bouncycastle.asn1.pkcs.CertificationRequestInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x9.X9ObjectIdentifiers;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.CSRAttributesResponse;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.PKCS10CertificationRequestBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

class Est {
	static final ASN1ObjectIdentifier ALT_ALGORITHM =
	    new ASN1ObjectIdentifier("2.5.29.73");
	static final ASN1ObjectIdentifier ALT_VALUE =
	    new ASN1ObjectIdentifier("2.5.29.74");

	static X509Certificate root;
	static String server;

	static ESTService
	service(PrivateKey key, Certificate certificate) throws Exception
	{
		char[] password = "in memory".toCharArray();
		KeyStore store = KeyStore.getInstance("PKCS12");
		KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");

		store.load(null, null);
		store.setKeyEntry("device", key, password,
		    new Certificate[] { certificate });
		keys.init(store, password);
		return new JsseESTServiceBuilder(server,
		    JcaJceUtils.getCertPathTrustManager(
		    Set.of(new TrustAnchor(root, null)), null))
		    .withKeyManagers(keys.getKeyManagers()).build();
	}

	static ContentSigner
	signer(PrivateKey key) throws Exception
	{
		return new JcaContentSignerBuilder("SHA256withECDSA").build(key);
	}

	/* Signed by the key there is over all but that, then by the new one. */
	static PKCS10CertificationRequest
	request(KeyPair pair, PrivateKey old) throws Exception
	{
		PKCS10CertificationRequestBuilder builder =
		    new JcaPKCS10CertificationRequestBuilder(
		    new X500Name("CN=whatever it says"), pair.getPublic());
		ContentSigner by = signer(old);
		CertificationRequestInfo info;

		builder.addAttribute(ALT_ALGORITHM,
		    by.getAlgorithmIdentifier());
		info = builder.build(signer(pair.getPrivate()))
		    .toASN1Structure().getCertificationRequestInfo();
		try (OutputStream out = by.getOutputStream()) {
			out.write(info.getEncoded("DER"));
		}
		builder.addAttribute(ALT_VALUE,
		    new DERBitString(by.getSignature()));
		return builder.build(signer(pair.getPrivate()));
	}

	static X509Certificate
	enrolled(ESTService est, boolean again, KeyPair pair, PrivateKey old,
	    String path) throws Exception
	{
		EnrollmentResponse answer = est.simpleEnroll(again,
		    request(pair, old), null);
		X509CertificateHolder[] found;

		if (!answer.isCompleted())
			throw new Exception("to be asked for again");
		found = ESTService.storeToArray(answer.getStore());
		if (found.length != 1)
			throw new Exception(found.length + " certificates");
		try (JcaPEMWriter pem = new JcaPEMWriter(
		    new FileWriter(path))) {
			pem.writeObject(found[0]);
		}
		return new JcaX509CertificateConverter().getCertificate(
		    found[0]);
	}

	public static void
	main(String[] args) throws Exception
	{
		KeyPairGenerator generator;
		KeyStore birth = KeyStore.getInstance("PKCS12");
		char[] password = args[3].toCharArray();
		CSRAttributesResponse wanted;
		X509Certificate first;
		KeyPair one, two;
		PrivateKey old;
		ESTService est;
		String alias;

		Security.addProvider(new BouncyCastleProvider());
		generator = KeyPairGenerator.getInstance("EC");
		server = args[0];
		try (FileInputStream in = new FileInputStream(args[1])) {
			root = (X509Certificate)CertificateFactory
			    .getInstance("X.509").generateCertificate(in);
		}
		try (FileInputStream in = new FileInputStream(args[2])) {
			birth.load(in, password);
		}
		alias = birth.aliases().nextElement();
		old = (PrivateKey)birth.getKey(alias, password);
		est = service(old, birth.getCertificate(alias));
		for (X509CertificateHolder ca : ESTService.storeToArray(
		    est.getCACerts().getCertificateStore()))
			System.out.println("ca " + ca.getSubject());
		wanted = est.getCSRAttributes().getAttributesResponse();
		System.out.println("curve " + wanted.isAttribute(
		    X9ObjectIdentifiers.id_ecPublicKey) + ", signature " +
		    wanted.hasRequirement(ALT_VALUE));
		generator.initialize(new ECGenParameterSpec("secp256r1"));
		one = generator.generateKeyPair();
		two = generator.generateKeyPair();
		first = enrolled(est, false, one, old, args[4] + ".1.pem");
		enrolled(service(one.getPrivate(), first), true, two,
		    one.getPrivate(), args[4] + ".2.pem");
	}
}
