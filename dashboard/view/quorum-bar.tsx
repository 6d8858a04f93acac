/** Shows how many of all nodes have voted, against the mark of the majority. */
export function QuorumBar(props: {
	readonly count: number;
	readonly of: number;
	readonly needed: number;
	readonly tone: 'promise' | 'accepted' | 'up';
	readonly what: string;
}) {
	const { count, of, needed, tone, what } = props;
	return (
		<span
			class={`quorum-bar tone-${tone}`}
			role="img"
			aria-label={`${count} of ${of} ${what}, ${needed} needed`}
			data-count={count}
			data-needed={needed}
		>
			{Array.from({ length: of }, (_, index) => (
				<i key={index} class={`${index < count ? 'full' : ''} ${index === needed ? 'beyond' : ''}`} />
			))}
			<b>
				{count} of {of}
			</b>
		</span>
	);
}
