using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ioasis.Replay.Fuzz;

/// <summary>What a shard of a campaign found, or several shards together.</summary>
public sealed record FuzzResult
{
    /// <summary>The version of the format of a result's file.</summary>
    public const int FileFormat = 1;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
    };

    /// <summary>The format of the file.</summary>
    [JsonPropertyName("ioasis")]
    public int Format { get; init; } = FileFormat;

    /// <summary>How many shards the campaign has.</summary>
    public required int ShardCount { get; init; }

    /// <summary>Which of them these are, from 0.</summary>
    public required IReadOnlyList<int> Shards { get; init; }

    /// <summary>The first seed of the campaign.</summary>
    public required int FirstSeed { get; init; }

    /// <summary>How many calls the sequences of a seed have, together.</summary>
    public required int CallsPerSeed { get; init; }

    /// <summary>How many seeds were played.</summary>
    public long Seeds { get; init; }

    /// <summary>How many calls were made.</summary>
    public long Calls { get; init; }

    /// <summary>How long it took, all shards together.</summary>
    public double Seconds { get; init; }

    /// <summary>How often each call had each answer: an errno, or <c>ok</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Coverage { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, long>>();

    /// <summary>What does not hold.</summary>
    public IReadOnlyList<FuzzFailure> Failures { get; init; } = [];

    /// <summary>The shards that are not among these.</summary>
    [JsonIgnore]
    public IEnumerable<int> Missing => Enumerable.Range(0, ShardCount).Except(Shards);

    /// <summary>How many pairs of a call and an answer were seen.</summary>
    [JsonIgnore]
    public int Pairs => Coverage.Values.Sum(answers => answers.Count);

    /// <summary>Reads a file.</summary>
    /// <exception cref="IOException">It cannot be read, or is no result.</exception>
    public static FuzzResult Read(string path)
    {
        try
        {
            FuzzResult? read = JsonSerializer.Deserialize<FuzzResult>(File.ReadAllText(path), s_json);
            if (read is { Format: FileFormat, ShardCount: > 0, Shards: not null, Coverage: not null }
                && read.Failures is not null) return read;
        }
        catch (JsonException e)
        {
            throw new IOException($"{path} is no result of ioasis fuzz: {e.Message}", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }

        throw new IOException($"{path} is no result of ioasis fuzz of format {FileFormat}.");
    }

    /// <summary>Writes the file as a whole, or not at all.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(string path)
    {
        string half = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(half, JsonSerializer.Serialize(this, s_json) + "\n");
            File.Move(half, path, overwrite: true);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Joins the results of shards of one campaign.</summary>
    /// <exception cref="IOException">They are of different campaigns, or one shard is there twice.</exception>
    public static FuzzResult Merge(IReadOnlyList<FuzzResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        FuzzResult first = results[0];
        foreach (FuzzResult one in results)
        {
            if ((one.ShardCount, one.FirstSeed, one.CallsPerSeed)
                != (first.ShardCount, first.FirstSeed, first.CallsPerSeed))
            {
                throw new IOException("The results are of different campaigns: one has "
                    + $"{one.ShardCount} shards, seed {one.FirstSeed} and {one.CallsPerSeed} calls a seed, another "
                    + $"{first.ShardCount}, {first.FirstSeed} and {first.CallsPerSeed}.");
            }
        }

        int[] shards = [.. results.SelectMany(r => r.Shards).Order()];
        foreach (IGrouping<int, int> shard in shards.GroupBy(s => s))
        {
            if (shard.Count() > 1) throw new IOException($"Shard {shard.Key} is there {shard.Count()} times.");
            if (shard.Key < 0 || shard.Key >= first.ShardCount)
                throw new IOException($"There is no shard {shard.Key} of {first.ShardCount}.");
        }

        return first with
        {
            Shards = shards,
            Seeds = results.Sum(r => r.Seeds),
            Calls = results.Sum(r => r.Calls),
            Seconds = Math.Round(results.Sum(r => r.Seconds), 1),
            Coverage = Count(results.SelectMany(r => r.Coverage)
                .SelectMany(c => c.Value, (c, answer) => (c.Key, answer.Key, answer.Value))),
            Failures = [.. results.SelectMany(r => r.Failures).OrderBy(f => f.Seed)],
        };
    }

    /// <summary>The coverage that pairs of a call and an answer make.</summary>
    internal static IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Count(
        IEnumerable<(string Call, string Answer, long Times)> pairs)
    {
        var coverage = new SortedDictionary<string, IReadOnlyDictionary<string, long>>(StringComparer.Ordinal);
        foreach (var call in pairs.GroupBy(p => p.Call))
        {
            coverage[call.Key] = new SortedDictionary<string, long>(
                call.GroupBy(p => p.Answer).ToDictionary(a => a.Key, a => a.Sum(p => p.Times)), StringComparer.Ordinal);
        }

        return coverage;
    }
}
