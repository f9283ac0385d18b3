using Ioasis.Client;

namespace Ioasis.Scenes;

/// <summary>The bytes that devices move, which are known again.</summary>
internal static class DemoBytes
{
    /// <summary>Pseudo-random bytes, different for each seed.</summary>
    internal static byte[] Of(int seed, int length = DemoDevice.BufferSize)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>Whether memory has these bytes at an offset.</summary>
    internal static bool Hold(UserMemory memory, ReadOnlySpan<byte> bytes, ulong offset = 0) =>
        memory.ToArray(offset, bytes.Length).AsSpan().SequenceEqual(bytes);
}
