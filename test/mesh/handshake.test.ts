import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REACHED_MAX } from '../../server/mesh/frame.ts';
import {
	DialerHandshake,
	HANDSHAKE_BYTES_MAX,
	type Handshake,
	type Identity,
	ListenerHandshake,
	NONCE_BYTES,
	PROTOCOL,
	type Step,
} from '../../server/mesh/handshake.ts';
import { REFUSALS, type Refusal } from '../../server/mesh/refusal.ts';
import { MalformedError } from '../../shared/bytes/bytes.ts';

const n1 = identityOf('n1', {});
const n2 = identityOf('n2', {});
const SECRET = 'the swarm’s secret';
const sealed1 = identityOf('n1', { secret: SECRET });
const sealed2 = identityOf('n2', { secret: SECRET });

describe('the handshake', () => {
	test.each([
		['without a secret', n2, n1],
		['with a secret', sealed2, sealed1],
	])('proves both ends to each other, %s', (_, dialer, listener) => {
		const { dialerStep, listenerStep } = shake(dialer, listener);
		expect(dialerStep).toMatchObject({
			kind: 'proven',
			peer: { id: 'n1', epoch: 'epoch of n1', version: PROTOCOL.max },
		});
		expect(listenerStep).toMatchObject({
			kind: 'proven',
			peer: { id: 'n2', epoch: 'epoch of n2', version: PROTOCOL.max },
		});
	});

	test('tells each end how far its log was durable, as the other one remembers', () => {
		const dialer = identityOf('n2', { secret: SECRET, remembered: (peer) => (peer === 'n1' ? 17 : 0) });
		const listener = identityOf('n1', { secret: SECRET, remembered: (peer) => (peer === 'n2' ? REACHED_MAX : 0) });
		const { dialerStep, listenerStep } = shake(dialer, listener);
		expect(dialerStep).toMatchObject({ kind: 'proven', peer: { remembered: REACHED_MAX } });
		expect(listenerStep).toMatchObject({ kind: 'proven', peer: { remembered: 17 } });
	});

	test('refuses a memory that the proof does not cover, or that no log can have reached', () => {
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
		const listener = new ListenerHandshake(sealed1, nonce(2));
		const proof = sent(dialer.receive(sent(listener.receive(dialer.opening))));
		expect(proof.at(-1)).toBe(0);
		proof[proof.length - 1] = 1;
		expect(listener.receive(proof)).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
		expect(() => shake(identityOf('n2', { remembered: () => REACHED_MAX + 1 }), n1)).toThrow(MalformedError);
	});

	test('agrees on the highest version that both speak', () => {
		const dialer = identityOf('n2', { secret: SECRET, protocol: { min: 2, max: 7 } });
		const listener = identityOf('n1', { secret: SECRET, protocol: { min: 1, max: 5 } });
		const { dialerStep, listenerStep } = shake(dialer, listener);
		expect(dialerStep).toMatchObject({ kind: 'proven', peer: { version: 5 } });
		expect(listenerStep).toMatchObject({ kind: 'proven', peer: { version: 5 } });
	});

	test.each<[string, Identity, Identity, Refusal]>([
		[
			'no common version, the dialer newer',
			identityOf('n2', { protocol: { min: PROTOCOL.max + 1, max: PROTOCOL.max + 2 } }),
			n1,
			'noCommonVersion',
		],
		[
			'no common version, the dialer older',
			n2,
			identityOf('n1', { protocol: { min: PROTOCOL.max + 1, max: PROTOCOL.max + 2 } }),
			'noCommonVersion',
		],
		['a node of another swarm', identityOf('n2', { swarmId: 'other' }), n1, 'otherSwarm'],
		['a node with our own id', identityOf('n1', {}), n1, 'sameNode'],
		['a node that may not dial', n1, identityOf('n2', { refusalOf: () => 'wrongDirection' }), 'wrongDirection'],
		['a dialer with another secret', identityOf('n2', { secret: 'guessed' }), sealed1, 'wrongSecret'],
		['a dialer without a secret where one is set', n2, sealed1, 'secretOnOneSide'],
		['a dialer with a secret where none is set', sealed2, n1, 'secretOnOneSide'],
	])('the listener refuses %s', (_, dialer, listener, refusal) => {
		expect(shake(dialer, listener).listenerStep).toEqual({ kind: 'refuse', refusal });
	});

	test('a secret is changed at one end after the other, and each meets only ends that let it in', () => {
		const stages = [
			{ secret: SECRET },
			{ secret: SECRET, otherSecret: 'the next one' },
			{ secret: 'the next one', otherSecret: SECRET },
			{ secret: 'the next one' },
		];
		const meet = (from: object, to: object) => shake(identityOf('n2', from), identityOf('n1', to));
		for (const [index, stage] of stages.entries()) {
			for (const near of stages.slice(Math.max(0, index - 1), index + 2)) {
				const { dialerStep, listenerStep } = meet(stage, near);
				expect([dialerStep.kind, listenerStep.kind]).toEqual(['proven', 'proven']);
			}
		}
		const [first, second, , last] = stages as [object, object, object, object];
		expect(meet(last, first).listenerStep).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
		expect(meet(first, last).listenerStep).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
		expect(meet({ secret: 'guessed' }, second).listenerStep).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
		expect(meet({}, second).listenerStep).toEqual({ kind: 'refuse', refusal: 'secretOnOneSide' });
	});

	test('the listener refuses who dialed another node', () => {
		const dialer = new DialerHandshake(identityOf('n3', {}), 'n2', nonce(1));
		expect(new ListenerHandshake(n1, nonce(2)).receive(dialer.opening)).toEqual({
			kind: 'refuse',
			refusal: 'otherNode',
		});
	});

	test('the dialer refuses a version that it did not offer', () => {
		const listener = new ListenerHandshake(n1, nonce(2));
		const dialer = new DialerHandshake(n2, 'n1', nonce(1));
		const challenge = sent(listener.receive(dialer.opening));
		challenge[1] = 9;
		expect(dialer.receive(challenge)).toEqual({ kind: 'refuse', refusal: 'noCommonVersion' });
	});

	test('the dialer refuses a listener that lets everybody in but does not know the secret', () => {
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
		const impostor = new ListenerHandshake(identityOf('n1', { secret: 'guessed' }), nonce(2));
		const proof = sent(dialer.receive(sent(impostor.receive(dialer.opening))));
		const welcome = Uint8Array.of(4, ...proof.subarray(1));
		expect(dialer.receive(welcome)).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
	});

	test('the dialer refuses a listener that claims there is no secret', () => {
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
		sent(dialer.receive(sent(new ListenerHandshake(sealed1, nonce(2)).receive(dialer.opening))));
		expect(dialer.receive(Uint8Array.of(4, 0, 0))).toEqual({ kind: 'refuse', refusal: 'secretOnOneSide' });
	});

	test('a recorded handshake is refused when it is played back to the listener', () => {
		const recorded = new DialerHandshake(sealed2, 'n1', nonce(1));
		const proof = sent(recorded.receive(sent(new ListenerHandshake(sealed1, nonce(2)).receive(recorded.opening))));
		const listener = new ListenerHandshake(sealed1, nonce(3));
		expect(listener.receive(recorded.opening).kind).toBe('send');
		expect(listener.receive(proof)).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
	});

	test('a recorded handshake is refused when it is played back to the dialer', () => {
		const recorded = new DialerHandshake(sealed2, 'n1', nonce(1));
		const listener = new ListenerHandshake(sealed1, nonce(2));
		const challenge = sent(listener.receive(recorded.opening));
		const welcome = proven(listener.receive(sent(recorded.receive(challenge))));
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(4));
		sent(dialer.receive(challenge));
		expect(dialer.receive(welcome)).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
	});

	test('a reflected proof is refused: the roles are part of it', () => {
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
		const proof = sent(dialer.receive(sent(new ListenerHandshake(sealed1, nonce(2)).receive(dialer.opening))));
		expect(dialer.receive(Uint8Array.of(4, ...proof.subarray(1)))).toEqual({ kind: 'refuse', refusal: 'wrongSecret' });
	});

	test('a reflected hello or challenge is malformed: nobody takes the other role', () => {
		const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
		expect(() => dialer.receive(dialer.opening)).toThrow(MalformedError);
		const listener = new ListenerHandshake(sealed1, nonce(2));
		const challenge = sent(listener.receive(dialer.opening));
		expect(() => listener.receive(challenge)).toThrow(MalformedError);
	});

	test('a hello with any byte changed does not lead to a link where a secret is set', () => {
		const opening = new DialerHandshake(sealed2, 'n1', nonce(1)).opening;
		fc.assert(
			fc.property(fc.nat({ max: opening.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
				const dialer = new DialerHandshake(sealed2, 'n1', nonce(1));
				const listener = new ListenerHandshake(sealed1, nonce(2));
				const changed = Uint8Array.from(dialer.opening);
				changed[at] = (changed[at] ?? 0) ^ flip;
				try {
					const step = listener.receive(changed);
					const answer = step.kind === 'send' ? dialer.receive(step.bytes) : step;
					const verdict = answer.kind === 'send' ? listener.receive(answer.bytes) : answer;
					expect(verdict.kind).toBe('refuse');
				} catch (error) {
					expect(error).toBeInstanceOf(MalformedError);
				}
			}),
			{ numRuns: 1000 },
		);
	});

	test('any bytes lead to a refusal or a MalformedError', () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(1, 2, 3, 4), (bytes, first) => {
				for (const end of [new ListenerHandshake(n1, nonce(2)), new DialerHandshake(n2, 'n1', nonce(1))]) {
					try {
						expect(end.receive(Uint8Array.of(first, ...bytes)).kind).toBe('refuse');
					} catch (error) {
						expect(error).toBeInstanceOf(MalformedError);
					}
				}
			}),
			{ numRuns: 3000 },
		);
	});

	test('neither the secret nor the swarm’s id ever crosses', () => {
		const said = Buffer.concat(shake(sealed2, sealed1).said).toString('latin1');
		for (const hidden of [Buffer.from(SECRET).toString('latin1'), 'swarm-id']) {
			expect(said).not.toContain(hidden);
		}
	});

	test('the longest honest handshake fits its bound, with room for the upgrade', () => {
		const long = `z${'x'.repeat(63)}`;
		const { said, dialerStep } = shake({ ...identityOf(long, { secret: SECRET }), epoch: long }, sealed1);
		expect(dialerStep.kind).toBe('proven');
		expect(Buffer.concat(said).length).toBeLessThan(HANDSHAKE_BYTES_MAX / 4);
	});

	test('every refusal has a code of its own and a reason that fits a close frame', () => {
		const codes = Object.values(REFUSALS).map((refusal) => refusal.code);
		expect(new Set(codes).size).toBe(codes.length);
		for (const { text } of Object.values(REFUSALS)) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(123);
	});
});

/** Runs both ends against each other until one of them is done or refuses. */
function shake(dialerIdentity: Identity, listenerIdentity: Identity) {
	const dialer = new DialerHandshake(dialerIdentity, listenerIdentity.self, nonce(1));
	const listener = new ListenerHandshake(listenerIdentity, nonce(2));
	const said: Uint8Array[] = [dialer.opening];
	let dialerStep: Step = { kind: 'send', bytes: dialer.opening };
	let listenerStep: Step = dialerStep;
	const turns: (readonly [Handshake, (step: Step) => void])[] = [
		[listener, (step) => (listenerStep = step)],
		[dialer, (step) => (dialerStep = step)],
	];
	let bytes: Uint8Array | null = dialer.opening;
	for (let turn = 0; bytes !== null; turn++) {
		const [end, keep] = turns[turn % 2] as (typeof turns)[number];
		const step: Step = end.receive(bytes);
		keep(step);
		bytes = step.kind === 'refuse' ? null : step.bytes;
		if (bytes) said.push(bytes);
	}
	return { dialerStep, listenerStep, said };
}

function identityOf(self: string, change: Partial<Identity>): Identity {
	return {
		self,
		epoch: `epoch of ${self}`,
		swarmId: 'swarm-id',
		refusalOf: () => null,
		delayOf: () => null,
		secret: null,
		protocol: PROTOCOL,
		remembered: () => 0,
		...change,
	};
}

function nonce(seed: number): Uint8Array {
	return new Uint8Array(NONCE_BYTES).fill(seed);
}

function sent(step: Step): Uint8Array {
	if (step.kind !== 'send') throw new Error(`expected something to send, not ${JSON.stringify(step)}`);
	return step.bytes;
}

function proven(step: Step): Uint8Array {
	if (step.kind !== 'proven' || step.bytes === null) throw new Error(`expected a welcome: ${JSON.stringify(step)}`);
	return step.bytes;
}
