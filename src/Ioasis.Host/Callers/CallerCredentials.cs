using System.Buffers.Text;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// Who a thread is to the file system (credentials(7)), as its /proc/TID/status says. IDs are those of our own user
/// namespace.
/// </summary>
internal sealed class CallerCredentials
{
    private const int FirstRoom = 4096, LargestRoom = 1 << 20; // 65536 groups fit

    private CallerCredentials()
    {
    }

    public required uint RealUser { get; init; }

    /// <summary>The user whose rights on files it has.</summary>
    public required uint User { get; init; }

    public required uint RealGroup { get; init; }

    /// <summary>The group whose rights on files it has.</summary>
    public required uint Group { get; init; }

    /// <summary>The supplementary groups, in ascending order.</summary>
    public required uint[] Groups { get; init; }

    /// <summary>A bit for each capability.</summary>
    public required ulong Permitted { get; init; }

    /// <inheritdoc cref="Permitted"/>
    public required ulong Effective { get; init; }

    /// <summary>Reads those of a thread, by its ID: whether it meant that thread is the caller's to know.</summary>
    public static bool TryRead(int thread, out CallerCredentials? credentials)
    {
        credentials = null;
        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/{thread}/status");
        if (SysFiles.Open(path, FcntlH.O_RDONLY, out FileDescriptor file) != Errno.None) return false;
        using (file)
        {
            var text = new byte[FirstRoom];
            int length = 0;
            while (true)
            {
                SysResult got = SysFiles.Read(file, text.AsSpan(length));
                if (!got.IsOk) return false;
                if (got.Value == 0) break;
                length += (int)got.Value;
                if (length < text.Length) continue;
                if (length >= LargestRoom) return false;
                Array.Resize(ref text, 2 * length);
            }

            return TryParse(text.AsSpan(0, length), out credentials);
        }
    }

    /// <summary>Takes the text apart. False where a line is not there.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out CallerCredentials? credentials)
    {
        const int Four = 4; // real, effective, saved, of the file system
        uint[]? users = null, groups = null, supplementary = null;
        ulong? permitted = null, effective = null;
        foreach (Range range in text.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = text[range];
            if (line.StartsWith("Uid:"u8)) users = Numbers(line["Uid:".Length..]);
            else if (line.StartsWith("Gid:"u8)) groups = Numbers(line["Gid:".Length..]);
            else if (line.StartsWith("Groups:"u8)) supplementary = Numbers(line["Groups:".Length..]);
            else if (line.StartsWith("CapPrm:"u8)) permitted = Capabilities(line["CapPrm:".Length..]);
            else if (line.StartsWith("CapEff:"u8)) effective = Capabilities(line["CapEff:".Length..]);
        }

        credentials = users?.Length == Four && groups?.Length == Four && supplementary is not null
            && permitted is not null && effective is not null
            ? new CallerCredentials
            {
                RealUser = users[0],
                User = users[3],
                RealGroup = groups[0],
                Group = groups[3],
                Groups = [.. supplementary.Order()],
                Permitted = permitted.Value,
                Effective = effective.Value,
            }
            : null;
        return credentials is not null;
    }

    /// <summary>What access(2) asks for: the same thread, were its real IDs those that count.</summary>
    public CallerCredentials ForRealIds() => With(RealUser, RealGroup, RealUser == 0 ? Permitted : 0);

    /// <summary>The same without capabilities that <paramref name="others"/> does not have.</summary>
    public CallerCredentials Within(ulong others) => With(User, Group, Effective & others);

    /// <summary>Whether it has the same rights on files as another.</summary>
    public bool HasRightsOf(CallerCredentials other) =>
        User == other.User && Group == other.Group && Effective == other.Effective
        && Groups.AsSpan().SequenceEqual(other.Groups);

    /// <summary>Whether it is in a group.</summary>
    public bool IsIn(uint group) => Group == group || Array.BinarySearch(Groups, group) >= 0;

    /// <summary>Whether it has a capability, of linux/capability.h.</summary>
    public bool HasCapability(int capability) => (Effective >> capability & 1) != 0;

    private CallerCredentials With(uint user, uint group, ulong effective) => new()
    {
        RealUser = RealUser,
        User = user,
        RealGroup = RealGroup,
        Group = group,
        Groups = Groups,
        Permitted = Permitted,
        Effective = effective,
    };

    private static uint[]? Numbers(ReadOnlySpan<byte> text)
    {
        var numbers = new List<uint>();
        for (text = text.Trim(" \t"u8); !text.IsEmpty; text = text.TrimStart(" \t"u8))
        {
            if (!Utf8Parser.TryParse(text, out uint number, out int used)) return null;
            numbers.Add(number);
            text = text[used..];
        }

        return [.. numbers];
    }

    private static ulong? Capabilities(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text.Trim(" \t"u8), out ulong value, out _, 'x') ? value : null;
}
