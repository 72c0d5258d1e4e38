// Asks a server through both providers of the AI SDK that speak the Responses API, and prints what came of it as JSON.
import { createOpenResponses } from '@ai-sdk/open-responses';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

const [url, provider] = process.argv.slice(2);
const model =
  provider === 'openai'
    ? createOpenAI({ baseURL: url, apiKey: 'none' }).responses('pilotage')
    : createOpenResponses({ name: 'pilotage', url: `${url}/responses`, apiKey: 'none' })('pilotage');
const weather = tool({
  description: 'Tells the weather.',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `${city}: rain`,
});
const loop = { model, prompt: 'How is the weather in Oslo?', tools: { weather }, stopWhen: stepCountIs(3) };

const whole = await generateText({ model, prompt: 'hi there' });
const asked = { role: 'user', content: 'hi there' };
const next = await generateText({
  model,
  messages: [asked, ...whole.response.messages, { role: 'user', content: 'and again' }],
});
const looped = await generateText(loop);
const streamed = streamText(loop);
let pieces = '';
let thought = '';
for await (const part of streamed.fullStream) {
  if (part.type === 'error') throw part.error;
  if (part.type === 'text-delta') pieces += part.text;
  if (part.type === 'reasoning-delta') thought += part.text;
}
const formed = await generateText({
  model,
  prompt: 'Who?',
  output: Output.object({ schema: z.object({ name: z.string(), age: z.number() }) }),
});
console.log(
  JSON.stringify({
    whole: whole.text,
    next: next.text,
    tokens: whole.usage.totalTokens,
    looped: looped.text,
    steps: looped.steps.length,
    pieces,
    thought,
    object: formed.output,
    warnings: [whole, looped, formed].flatMap((result) => result.warnings ?? []),
  }),
);
