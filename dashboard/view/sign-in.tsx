/** Asks for the token of the page, where a node lets in nobody without one. */
import { useRef } from 'preact/hooks';
import { isAsked, signIn, token } from '../live/token.ts';

export function SignIn() {
	const field = useRef<HTMLInputElement>(null);
	if (!isAsked.value) return null;
	const isWrong = token.value !== null;
	return (
		<form
			class="notice sign-in"
			data-testid="sign-in"
			onSubmit={(event) => {
				event.preventDefault();
				const written = field.current?.value.trim();
				if (written) signIn(written);
			}}
		>
			<p>
				This swarm shows its page only to those who have a token for it. The person who runs the swarm gives it to you.
			</p>
			<label for="token">Token</label>
			<input
				id="token"
				type="password"
				autocomplete="off"
				required
				ref={field}
				aria-invalid={isWrong}
				aria-describedby={isWrong ? 'token-fault' : undefined}
			/>
			<button type="submit" class="primary">
				Sign in
			</button>
			{isWrong && (
				<span id="token-fault" role="alert">
					No node lets the page in by that token: it is unknown, or its role is neither page nor admin.
				</span>
			)}
		</form>
	);
}
