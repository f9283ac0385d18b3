using System.Text.Json;

namespace Ioasis.Tests.Abi;

/// <summary>A field of a C struct: name, offset and size in bytes. A flexible array has size 0.</summary>
public sealed record GoldenField(string Name, int Offset, int Size);

/// <summary>A C struct: name, size in bytes, fields.</summary>
public sealed record GoldenStruct(string Name, int Size, IReadOnlyList<GoldenField> Fields);

/// <summary>A header of Linux as a C compiler sees it on x86-64. Negative constants are extended to 64 bits.</summary>
public sealed record GoldenHeader(
    IReadOnlyDictionary<string, ulong> Constants, IReadOnlyDictionary<string, GoldenStruct> Structs)
{
    public static GoldenHeader Load(string name)
    {
        using var stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Abi", "Golden", $"{name}.json"));
        using var document = JsonDocument.Parse(stream);
        return new(
            document.RootElement.GetProperty("constants")
            .EnumerateObject().ToDictionary(c => c.Name, c => c.Value.GetUInt64()),
            document.RootElement.GetProperty("structs").EnumerateObject().ToDictionary(s => s.Name, ReadStruct));
    }

    private static GoldenStruct ReadStruct(JsonProperty s) => new(
        s.Name,
        s.Value.GetProperty("size").GetInt32(),
        [.. s.Value.GetProperty("fields")
            .EnumerateArray().Select(f => new GoldenField(f[0].GetString()!, f[1].GetInt32(), f[2].GetInt32()))]);
}
