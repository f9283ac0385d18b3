using Ioasis.Memory;

namespace Ioasis.PageTables;

/// <summary>Reads that are made of those of <see cref="ITableMemory"/>.</summary>
public static class TableMemory
{
    /// <summary>
    /// Reads an entry of several words, each of them in one piece: an entry that changes meanwhile may be seen in part.
    /// </summary>
    /// <param name="memory">The memory.</param>
    /// <param name="address">Its address, a multiple of its bytes.</param>
    /// <param name="words">Where to; all of them are written if the access is <see cref="TableAccess.Ok"/>.</param>
    public static TableAccess ReadBlock<T>(ref this T memory, Gpa address, Span<ulong> words) where T : struct,
        ITableMemory
    {
        for (int i = 0; i < words.Length; i++)
        {
            TableAccess access = memory.Read(new Gpa(address.Value + ((ulong)i * sizeof(ulong))), out words[i]);
            if (access != TableAccess.Ok) return access;
        }

        return TableAccess.Ok;
    }
}
