using System.CommandLine;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Replay.Recordings;

namespace Ioasis.Cli.Verbs;

/// <summary>The command <c>replay</c>: makes the calls of a recording again (docs/replay.md).</summary>
internal static class ReplayCommand
{
    private const int Differs = 1;

    internal static Command Of(TextWriter output, TextWriter error)
    {
        var replay = new Command("replay",
            "Makes the calls of recordings again, each on a fresh machine, and shows the first answer that differs.");
        var file = new Argument<string[]>("recording")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "A file that ioasis trace -o FILE.ioasis or ioasis record wrote. May be repeated.",
        };
        var shrink = new Option<bool>("--shrink")
        {
            Description = "Writes the shortest recording that still shows the difference.",
        };
        var still = new Option<string>("--still")
        {
            HelpName = "ERRNO|io_page_fault",
            Description = "With --shrink: what must still happen, instead of the difference.",
        };
        var toC = new Option<bool>("--to-c") { Description = "Writes the recording as a program in C." };
        var onSystem = new Option<bool>("--on-system")
        {
            Description = "Makes the calls on the nodes of the system beneath: of a real kernel, or of ioasis run.",
        };
        foreach (Option option in (Option[])[onSystem, shrink, still, toC]) replay.Add(option);
        replay.Add(file);
        replay.SetAction(parsed =>
        {
            if (parsed.GetValue(file) is not [string path, ..] paths)
                return CommandLine.Refuse(error, "replay needs a recording, as in: ioasis replay program.ioasis");
            bool isOne = parsed.GetValue(shrink) || parsed.GetValue(toC);
            if (isOne && paths.Length > 1) return CommandLine.Refuse(error, "--shrink and --to-c take one recording");
            if (parsed.GetValue(still) is not null && !parsed.GetValue(shrink))
                return CommandLine.Refuse(error, "--still needs --shrink");
            try
            {
                if (isOne && parsed.GetValue(onSystem))
                    return CommandLine.Refuse(error, "--on-system goes with no other option");
                if (!isOne) return PlayAll(paths, parsed.GetValue(onSystem), output);
                RecordingFile recording = RecordingFile.Read(path);
                MachineDescription machine = recording.DescribeMachine();
                if (parsed.GetValue(shrink))
                {
                    if (Shrink(recording, machine, parsed.GetValue(still)) is not { } shorter)
                    {
                        error.WriteLine("ioasis: what is to be shown does not happen.");
                        return 0;
                    }

                    recording = shorter;
                }

                if (parsed.GetValue(toC))
                {
                    new CProgram(recording).Write(output);
                    return 0;
                }

                recording.Write(output);
                return Differs;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException
                or MachineDescriptionException or IommuException)
            {
                return CommandLine.Refuse(error, e.Message);
            }
        });
        return replay;
    }

    private static int PlayAll(string[] paths, bool onSystem, TextWriter output)
    {
        int code = 0;
        foreach (string path in paths)
        {
            RecordingFile recording = RecordingFile.Read(path);
            if ((onSystem ? PlayOnSystem(recording) : Play(recording)) is not { } difference) continue;
            output.WriteLine(paths.Length == 1 ? difference.ToString() : $"{path}: {difference}");
            code = Differs;
        }

        return code;
    }

    private static RecordingDifference? Play(RecordingFile recording)
    {
        using SoftwareMachine machine = SoftwareMachine.Create(recording.DescribeMachine());
        using var player = new RecordingPlayer(machine) { HasMemory = recording.HasMemory };
        return player.Play(recording.Lines);
    }

    private static RecordingDifference? PlayOnSystem(RecordingFile recording)
    {
        using var player = new SystemPlayer(recording);
        return player.Play(recording.Lines);
    }

    private static RecordingFile? Shrink(RecordingFile recording, MachineDescription description, string? still)
    {
        var shrinker = new RecordingShrinker(() => SoftwareMachine.Create(description));
        return still switch
        {
            null => shrinker.Differing(recording),
            "io_page_fault" => shrinker.Faulting(recording),
            _ => shrinker.Refused(recording, still),
        };
    }
}
