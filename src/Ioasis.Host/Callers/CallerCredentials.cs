using System.Buffers.Text;

namespace Ioasis.Host.Callers;

/// <summary>
/// The credentials of a thread (credentials(7)) that count for files, from its /proc/TID/status. IDs are those of our
/// own user namespace.
/// </summary>
internal sealed class CallerCredentials
{
    private CallerCredentials()
    {
    }

    public required uint RealUser { get; init; }

    /// <summary>The user whose rights on files the thread has.</summary>
    public required uint User { get; init; }

    public required uint RealGroup { get; init; }

    /// <summary>The group whose rights on files the thread has.</summary>
    public required uint Group { get; init; }

    /// <summary>Supplementary groups, in ascending order.</summary>
    public required uint[] Groups { get; init; }

    /// <summary>One bit per capability.</summary>
    public required ulong Permitted { get; init; }

    /// <inheritdoc cref="Permitted"/>
    public required ulong Effective { get; init; }

    /// <summary>
    /// Reads the credentials of a thread by its ID. Whether the ID still stands for the thread that was meant is the
    /// caller's to know.
    /// </summary>
    public static bool TryRead(int thread, out CallerCredentials? credentials)
    {
        credentials = null;
        return StatusText.TryRead(thread, out byte[] text) && TryParse(text, out credentials);
    }

    /// <summary>Parses the text of /proc/TID/status. False when a line is missing.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out CallerCredentials? credentials)
    {
        const int Four = 4; // real, effective, saved, file system
        uint[]? users = Numbers(text, "Uid:"u8), groups = Numbers(text, "Gid:"u8);
        uint[]? supplementary = Numbers(text, "Groups:"u8);
        ulong? permitted = Capabilities(text, "CapPrm:"u8), effective = Capabilities(text, "CapEff:"u8);
        bool isComplete = users?.Length == Four && groups?.Length == Four && supplementary is not null
            && permitted is not null && effective is not null;
        credentials = !isComplete ? null : new CallerCredentials
        {
            RealUser = users![0],
            User = users[3],
            RealGroup = groups![0],
            Group = groups[3],
            Groups = Sorted(supplementary!),
            Permitted = permitted!.Value,
            Effective = effective!.Value,
        };
        return isComplete;
    }

    /// <summary>The credentials that access(2) checks: the real IDs in place of the file-system IDs.</summary>
    public CallerCredentials ForRealIds() => With(RealUser, RealGroup, RealUser == 0 ? Permitted : 0);

    /// <summary>These credentials, with the effective capabilities limited to <paramref name="others"/>.</summary>
    public CallerCredentials Within(ulong others) => With(User, Group, Effective & others);

    /// <summary>Whether both have the same rights on files.</summary>
    public bool HasRightsOf(CallerCredentials other) =>
        User == other.User && Group == other.Group && Effective == other.Effective
        && Groups.AsSpan().SequenceEqual(other.Groups);

    /// <summary>Whether the thread is in a group.</summary>
    public bool IsIn(uint group) => Group == group || Array.BinarySearch(Groups, group) >= 0;

    /// <summary>Whether a capability of linux/capability.h is effective.</summary>
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

    private static uint[]? Numbers(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name)
    {
        if (!StatusText.TryFind(text, name, out Range range)) return null;
        text = text[range];
        // Twice, as each program needs this at its start: what grows would have to be compiled first.
        int count = 0;
        for (ReadOnlySpan<byte> rest = WithoutBlanks(text); !rest.IsEmpty; count++)
            if (!TryTake(ref rest, out _)) return null;
        var numbers = new uint[count];
        text = WithoutBlanks(text);
        for (int i = 0; i < count; i++) TryTake(ref text, out numbers[i]);
        return numbers;
    }

    private static bool TryTake(ref ReadOnlySpan<byte> text, out uint number)
    {
        bool isThere = Utf8Parser.TryParse(text, out number, out int used);
        text = WithoutBlanks(text[used..]);
        return isThere;
    }

    private static ReadOnlySpan<byte> WithoutBlanks(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty && text[0] is (byte)' ' or (byte)'\t') text = text[1..];
        return text;
    }

    // Linux keeps them in order.
    private static uint[] Sorted(uint[] groups)
    {
        for (int i = 1; i < groups.Length; i++)
        {
            if (groups[i - 1] <= groups[i]) continue;
            Array.Sort(groups);
            break;
        }

        return groups;
    }

    private static ulong? Capabilities(ReadOnlySpan<byte> text, ReadOnlySpan<byte> name) =>
        StatusText.TryFind(text, name, out Range range)
        && Utf8Parser.TryParse(WithoutBlanks(text[range]), out ulong value, out _, 'x') ? value : null;
}
