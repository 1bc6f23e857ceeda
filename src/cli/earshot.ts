/** The `earshot` command. Exit status: 0 done, 1 failed, 2 wrong usage or configuration. */
import { configJsonSchemaText } from '../config/json-schema.ts';
import { checkConfig } from './check-config.ts';

const HELP = `Usage: npm run --silent earshot -- COMMAND

  check-config FILE     tell every fault of a configuration file (YAML or JSON)
  config-schema         print the JSON Schema of the configuration
  sip-server --listen URL [--listen URL ...] --control HOST:PORT --secret SECRET
                        run the embedded SIP server alone, for any drachtio-srf application,
                        e.g. --listen udp://127.0.0.1:5060 --control 127.0.0.1:9022 --secret cymru
  help                  this text

The server itself: npm start -- --config FILE`;

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  const output = { out: (line: string) => console.log(line), err: (line: string) => console.error(line) };
  switch (command) {
    case 'check-config':
      if (rest.length !== 1) break;
      return checkConfig(rest[0]!, output);
    case 'config-schema':
      if (rest.length !== 0) break;
      process.stdout.write(configJsonSchemaText());
      return 0;
    case 'sip-server': {
      const { runSipServer } = await import('./sip-server.ts');
      return runSipServer(rest);
    }
    case 'help':
    case '--help':
    case '-h':
      output.out(HELP);
      return 0;
    default:
  }
  const wrong = command === undefined ? 'a command is missing' : `wrong usage: ${args.join(' ')}`;
  output.err(`earshot: ${command === 'check-config' ? 'check-config takes one file' : wrong}`);
  output.err(HELP);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
