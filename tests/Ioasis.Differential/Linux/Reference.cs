using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Ioasis.Replay.Calls;

namespace Ioasis.Differential.Linux;

/// <summary>A Linux kernel in a virtual machine, booted anew for each batch of sequences.</summary>
/// <param name="Boot">The program that boots it: <c>BOOT run KERNEL FOLDER COMMAND</c>, as for
/// eng/conformance-on-linux.sh.</param>
/// <param name="Kernel">What that program is told.</param>
/// <param name="PlayerProgram">Linux/player.c, compiled to a static program; vdpa_add is beside it.</param>
internal sealed record Reference(string Boot, string Kernel, string PlayerProgram)
{
    private const string Devices = "-device edu,addr=3 -device edu,addr=4",
        Unit = "-device intel-iommu,intremap=on,aw-bits=48,snoop-control=on";

    // A kernel that is emulated on a busy machine may find its timer not to work, and does not boot then.
    private const int Boots = 3, NotFinished = 125;

    // Else the simulators take the program's addresses as they are, and pin nothing.
    private const string PinningSimulators = "vdpa_sim.use_va=0";

    private const string Begin = "ANSWERS-BEGIN", End = "ANSWERS-END";

    /// <summary>Plays sequences one after the other, each from closed nodes on.</summary>
    /// <returns>For each of them, a line for each call.</returns>
    /// <exception cref="InvalidOperationException">The machine did not get to the end.</exception>
    internal List<List<string>> Play(IReadOnlyList<IReadOnlyList<Call>> sequences)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("differential");
        try
        {
            string home = AppContext.BaseDirectory;
            File.Copy(PlayerProgram, Path.Combine(folder.FullName, "player"));
            if (sequences[0][0].Name == "reset_vdpa")
                File.Copy(Path.Combine(Path.GetDirectoryName(PlayerProgram)!, "vdpa_add"),
                    Path.Combine(folder.FullName, "vdpa_add"));
            File.Copy(Path.Combine(home, "Linux", "play.sh"), Path.Combine(folder.FullName, "play.sh"));
            File.WriteAllLines(Path.Combine(folder.FullName, "calls"), CallTable.Lines());
            for (int i = 0; i < sequences.Count; i++)
                File.WriteAllLines(Path.Combine(folder.FullName, string.Create(CultureInfo.InvariantCulture,
                        $"{i:d5}.seq")), sequences[i].Select(c => c.ToString()));

            string output = "";
            for (int attempt = 0; attempt < Boots && !output.Contains(Begin, StringComparison.Ordinal); attempt++)
                output = Run(folder.FullName);
            List<List<string>> answers = ReadAnswers(output);
            if (answers.Count != sequences.Count)
                throw new InvalidOperationException(
                    $"Linux answered {answers.Count} sequences instead of {sequences.Count}:\n{output}");
            return answers;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private string Run(string folder)
    {
        var start = new ProcessStartInfo(
            Boot, ["run", Kernel, folder, "sh /ref/play.sh"])
        { RedirectStandardOutput = true };
        start.Environment["DEVS"] = Devices;
        start.Environment["IOMMU"] = Unit;
        start.Environment["APPEND"] = PinningSimulators;
        using Process process = Process.Start(start)
            ?? throw new InvalidOperationException($"{Boot} cannot be started.");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode is 0 or NotFinished ? output
            : throw new InvalidOperationException(
                $"{Boot} ended with {process.ExitCode}:\n{output[..Math.Min(output.Length, 20_000)]}");
    }

    private static List<List<string>> ReadAnswers(string output)
    {
        var encoded = new StringBuilder();
        bool within = false;
        foreach (string line in output.Split('\n'))
        {
            if (line == End) within = false;
            if (within) encoded.Append(line);
            else if (line.Contains("WARNING", StringComparison.Ordinal)) Console.Error.WriteLine($"Linux: {line}");
            if (line == Begin) within = true;
        }

        using var zipped = new GZipStream(new MemoryStream(Convert.FromBase64String(encoded.ToString())),
            CompressionMode.Decompress);
        using var reader = new StreamReader(zipped);
        var answers = new List<List<string>>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) answers.Add([]);
            else answers[^1].Add(line);
        }

        return answers;
    }
}
