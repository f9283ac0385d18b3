using Ioasis.Cli.Demo;
using Ioasis.Cli.Verbs;
using Ioasis.Host;
using Ioasis.Machine.Description;

namespace Ioasis.Cli;

internal static class Program
{
    private const int CannotWrite = 1;

    private static int Main(string[] arguments)
    {
        if (arguments is [Supervisor.MournVerb, .. string[] facts]) return Supervisor.Mourn(facts);

        if (arguments is ["run", not ("--help" or "-h" or "-?"), ..]) Supervisor.PrepareToRun();

        // The most frequent command, and the first that a newcomer runs, should not wait for a parser.
        string[]? program = arguments switch
        {
            ["run", "--", .. { Length: > 0 } words] => words,
            ["run", .. [[not '-', ..], ..] words] => words,
            _ => null,
        };
        if (program is [string name, .. string[] its])
            return CommandLine.Run(MachineDescription.Default, new RunOptions { Program = name, Arguments = its });
        try
        {
            StandardOutput.Use();
            if (arguments is ["demo"]) return DemoRun.ToConsole(json: false);
            if (arguments is ["demo", "nested"]) return NestedDemo.ToConsole(json: false);
            if (arguments is ["demo", "vsva"]) return VsvaDemo.ToConsole(json: false);
            return CommandLine.Invoke(arguments);
        }
        catch (StandardOutputException e)
        {
            Console.Error.WriteLine($"ioasis: {e.Message}.");
            return CannotWrite;
        }
    }
}
