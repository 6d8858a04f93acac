/**
 * How certificates lead to an authority, each signed by the next one.
 *
 * @source RFC 5280, 6 Certification Path Validation
 */
import type { X509Certificate } from 'node:crypto';

/** The bound on the certificates between that of a node and the authority. */
const CHAIN_MAX = 8;

/**
 * The certificates from `leaf` up to the highest one that is known, which is one of the authorities. Where several have
 * the same name and key, as an authority that was renewed has beside its renewal, the one that is valid for longest counts.
 *
 * @returns empty where no authority is reached
 */
export function chainOf(
	leaf: X509Certificate,
	between: readonly X509Certificate[],
	authorities: readonly X509Certificate[],
): X509Certificate[] {
	const known = [...authorities.toSorted((one, other) => untilMs(other) - untilMs(one)), ...between];
	const chain = [leaf];
	for (let at = leaf; chain.length <= CHAIN_MAX && !isAuthorityOf(at, at); ) {
		const child = at;
		const above = known.find((each) => !chain.includes(each) && isAuthorityOf(each, child));
		if (above === undefined) break;
		chain.push(above);
		at = above;
	}
	const top = chain.findLastIndex((each) => authorities.some(({ raw }) => raw.equals(each.raw)));
	return chain.slice(0, top + 1);
}

/** Whether one of the authorities has signed the certificate, or one that it was shown with and that leads to it. */
export function isOfAuthority(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
	let at: X509Certificate | undefined = certificate;
	for (let steps = 0; at !== undefined && steps <= CHAIN_MAX; steps++) {
		const child: X509Certificate = at;
		if (authorities.some((authority) => isAuthorityOf(authority, child))) return true;
		at = child.issuerCertificate;
	}
	return false;
}

/** Whether the issuer may sign certificates, and has signed this one. */
export function isAuthorityOf(issuer: X509Certificate, child: X509Certificate): boolean {
	return issuer.ca && child.checkIssued(issuer) && child.verify(issuer.publicKey);
}

function untilMs({ validTo }: X509Certificate): number {
	return Date.parse(validTo);
}
