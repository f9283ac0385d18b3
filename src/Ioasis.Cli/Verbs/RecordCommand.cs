using System.CommandLine;
using Ioasis.Diagnostics.Record;
using Ioasis.Host;
using Ioasis.Host.Recording;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>record</c>: records a program on the nodes of the system beneath (docs/replay.md).</summary>
internal static class RecordCommand
{
    internal static Command Of(ProgramWords program, TextWriter error)
    {
        var record = new Command("record",
            "Runs a program on the nodes of the kernel beneath, and records its calls for ioasis replay.");
        var onSystem = new Option<bool>("--on-system")
        {
            Description = "Must be given: the calls are the kernel's, and no machine of ours is made. (On a machine of "
                + "ours, ioasis trace -o FILE.ioasis records.)",
        };
        var output = new Option<string>("-o")
        {
            HelpName = "FILE",
            Description = "Writes the recording to this file. Default: the program's name and .ioasis.",
        };
        var withMemory = new Option<bool>("--with-memory")
        {
            Description = "The recording has the pages that calls map, not only their hash.",
        };
        foreach (Option option in (Option[])[onSystem, output, withMemory]) record.Add(option);
        record.SetAction(parsed =>
        {
            if (!parsed.GetValue(onSystem))
            {
                return CommandLine.Refuse(error, "record needs --on-system; "
                    + "a program on a machine of ours is recorded by: ioasis trace -o FILE.ioasis -- PROGRAM");
            }

            if (program.Words is not [string name, .. string[] rest])
            {
                return CommandLine.Refuse(error,
                    "record needs a program, as in: ioasis record --on-system ./program");
            }

            try
            {
                // Each line is in the file before the program goes on.
                var file = new StreamWriter(parsed.GetValue(output) ?? $"{Path.GetFileName(name)}.ioasis")
                {
                    AutoFlush = true,
                };
                bool hasMemory = parsed.GetValue(withMemory);
                var recorder = new SystemRecorder(SystemDevices.Describe(ErrorOutput.Say), hasMemory, file);
                int code = SystemRecording.Run(
                    new RunOptions { Program = name, Arguments = rest }, recorder, hasMemory);
                Close(file);
                return code;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return CommandLine.Refuse(error, e.Message);
            }
        });
        return record;
    }

    // A file that could not be written has been told of.
    private static void Close(StreamWriter file)
    {
        try
        {
            file.Dispose();
        }
        catch (IOException)
        {
        }
    }
}
