using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Memory;

namespace Ioasis.Conformance;

/// <summary>
/// All that a program can see of an IOAS and its context. Taken before and after a call that fails, the two are equal:
/// it left no object (IDs are given out lowest first), no mapping, no reservation and no option behind.
/// </summary>
internal sealed record Snapshot(uint NextId, string Ranges, ulong Alignment, bool HugePages, string Pages)
{
    /// <param name="ioas">Whose state.</param>
    /// <param name="pages">Which pages to look at: mapped or not, and with which access.</param>
    internal static Snapshot Of(Ioas ioas, params ulong[] pages)
    {
        using Ioas scratch = ioas.Context.AllocateIoas();
        return new Snapshot(
            scratch.Id, string.Join(' ', ioas.GetIovaRanges()), ioas.GetIovaAlignment(), ioas.GetHugePages(),
            string.Join(' ', pages.Select(p => $"0x{p:x}:{State(ioas, scratch, p)}")));
    }

    private static string State(Ioas ioas, Ioas scratch, ulong page)
    {
        string text = "";
        foreach (MapAccess access in (MapAccess[])[MapAccess.Read, MapAccess.Write])
        {
            try
            {
                Iova at = scratch.Copy(ioas, new Iova(page), 4096, access);
                scratch.Unmap(at, 4096);
                text += access;
            }
            catch (IommuException refusal) when (refusal.Errno is Errno.ENOENT or Errno.EPERM)
            {
                text += refusal.Errno;
            }
        }

        return text;
    }
}
