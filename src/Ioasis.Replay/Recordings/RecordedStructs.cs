using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Ioasis.Abi;
using Ioasis.Diagnostics.Record;
using Ioasis.Diagnostics.Trace;

namespace Ioasis.Replay.Recordings;

/// <summary>Makes the structure of a recorded call again.</summary>
internal static class RecordedStructs
{
    private static readonly Dictionary<string, Type> s_byName = FindAll();

    /// <summary>The type of a structure's name; null if there is none.</summary>
    internal static Type? TypeOf(string? name) => name is null ? null : s_byName.GetValueOrDefault(name);

    /// <summary>The bytes of a call's structure, with what follows it.</summary>
    /// <param name="line">The call.</param>
    /// <param name="type">The structure.</param>
    /// <param name="resolve">Says which number a name stands for.</param>
    /// <exception cref="FormatException">The line has a field or a value that cannot be.</exception>
    internal static byte[] BytesOf(JsonObject line, Type type, Func<string, bool, ulong> resolve)
    {
        int size = Marshal.SizeOf(type);
        RecordValues.TryNumber(line["length"], out ulong length);
        byte[] bytes = new byte[length == 0 ? (ulong)size : Math.Min(length, 1 << 16)];
        var values = (JsonObject)line["in"]!;
        foreach ((string key, JsonNode? value) in values)
        {
            Put(bytes, FieldOf(type, key), value, resolve);
        }

        if (RecordValues.BytesOf(line["more"]) is { } more)
            more.AsSpan(0, Math.Min(more.Length, bytes.Length - size)).CopyTo(bytes.AsSpan(size));
        if (line["files"] is not JsonArray files) return bytes;
        for (int i = 0; i < files.Count && size + ((i + 1) * sizeof(int)) <= bytes.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(
                bytes.AsSpan(size + (i * sizeof(int))), unchecked((int)resolve(files[i]!.ToString(), true)));
        return bytes;
    }

    /// <summary>The field of a key.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    internal static StructField FieldOf(Type type, string key) =>
        StructFields.Of(type).All.FirstOrDefault(f => f.Name == (key == "value" ? "" : key))
        ?? throw new FormatException($"{StructFields.NameOf(type)} has no field \"{key}\".");

    private static void Put(byte[] bytes, StructField field, JsonNode? value, Func<string, bool, ulong> resolve)
    {
        if (field.Offset >= bytes.Length) return;
        Span<byte> place = bytes.AsSpan(field.Offset, Math.Min(field.Size, bytes.Length - field.Offset));
        if (RecordValues.BytesOf(value) is { } all)
        {
            all.AsSpan(0, Math.Min(all.Length, place.Length)).CopyTo(place);
            return;
        }

        if (!RecordValues.TryNumber(value, out ulong number))
            number = resolve(value?.ToString() ?? "", field.Type == typeof(int));
        Span<byte> word = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(word, number);
        word[..Math.Min(place.Length, word.Length)].CopyTo(place);
    }

    private static Dictionary<string, Type> FindAll()
    {
        var found = new Dictionary<string, Type>();
        foreach (Type type in typeof(IommuDestroy).Assembly.GetExportedTypes())
            if (type is { IsValueType: true, IsEnum: false }) found[StructFields.NameOf(type)] = type;
        foreach (Type type in (Type[])[typeof(int), typeof(uint), typeof(ulong), typeof(ushort), typeof(byte)])
            found[type.Name] = type;
        return found;
    }
}
