using System.IO.Compression;
using Ioasis.Replay.Calls;

namespace Ioasis.Replay.Comparison;

/// <summary>A file with a sequence and its answers. Each line has a call and its answer.</summary>
public static class AnsweredCalls
{
    private const string Between = " => ";

    /// <summary>Writes a file.</summary>
    public static void Write(string path, IEnumerable<Call> calls, IEnumerable<string> answers)
    {
        using var writer = new StreamWriter(new GZipStream(File.Create(path), CompressionLevel.SmallestSize));
        foreach ((Call call, string answer) in calls.Zip(answers)) writer.Write($"{call}{Between}{answer}\n");
    }

    /// <summary>Reads a file.</summary>
    public static (List<Call> Calls, List<string> Answers) Read(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        var calls = new List<Call>();
        var answers = new List<string>();
        while (reader.ReadLine() is { } line)
        {
            string[] parts = line.Split(Between, 2);
            calls.Add(Call.Parse(parts[0]));
            answers.Add(parts[1]);
        }

        return (calls, answers);
    }
}
