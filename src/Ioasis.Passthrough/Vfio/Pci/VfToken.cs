using System.Buffers;
using Ioasis.Abi;
using Ioasis.Iommufd;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>
/// The secret that the programs of a physical function and of its virtual ones share, and how many of the latter are in
/// use (Linux: struct vfio_pci_vf_token). Nobody can read it: until a program sets one it is nobody's.
/// </summary>
internal sealed class VfToken
{
    private const string Option = "vf_token=";
    private const int TextLength = 36;
    private static readonly SearchValues<char> s_characters = SearchValues.Create("0123456789abcdefABCDEF-");

    // Guards what follows. Nothing is locked while it is held.
    private readonly RankedLock _lock = new(LockRank.VfToken);
    private Guid _value = Guid.NewGuid();
    private int _users;

    /// <summary>The token is this one from now on, also for virtual functions that are in use.</summary>
    internal void Set(Guid value)
    {
        using (_lock.Enter()) _value = value;
    }

    /// <summary>Whether a program may have a virtual function.</summary>
    internal Errno MatchVirtual(Guid? token)
    {
        using (_lock.Enter())
            return token == _value
                ? Errno.None
                : Errno.EACCES.Because("the token is not that of the physical function");
    }

    /// <summary>
    /// Whether a program may have the physical function: where virtual ones are in use it has to know the token, else
    /// it may set one.
    /// </summary>
    internal Errno MatchPhysical(Guid? token)
    {
        using (_lock.Enter())
        {
            if (_users > 0)
                return token == _value
                    ? Errno.None
                    : Errno.EACCES.Because("the token is not the one that users of virtual functions have");
            _value = token ?? _value;
            return Errno.None;
        }
    }

    /// <summary>A virtual function is in use from now on, until <see cref="RemoveUser"/>.</summary>
    internal void AddUser()
    {
        using (_lock.Enter()) _users++;
    }

    internal void RemoveUser()
    {
        using (_lock.Enter()) _users--;
    }

    /// <summary>A token as a program's memory has it: 16 bytes in the order of its text.</summary>
    internal static Guid FromBytes(ReadOnlySpan<byte> bytes) => new(bytes, bigEndian: true);

    /// <summary>
    /// Reads what follows a device's name in VFIO_GROUP_GET_DEVICE_FD: blanks, and at most one <c>vf_token=UUID</c>
    /// among them.
    /// </summary>
    internal static bool TryParseOptions(ReadOnlySpan<char> options, out Guid? token)
    {
        token = null;
        while (!(options = options.TrimStart(' ')).IsEmpty)
        {
            if (token is not null || !options.StartsWith(Option) || !TryParse(options[Option.Length..], out Guid value))
                return false;
            token = value;
            options = options[(Option.Length + TextLength)..];
        }

        return true;
    }

    // Guid's own parser takes signs and prefixes for digits.
    private static bool TryParse(ReadOnlySpan<char> text, out Guid value)
    {
        value = default;
        return text.Length >= TextLength && !text[..TextLength].ContainsAnyExcept(s_characters)
            && Guid.TryParseExact(text[..TextLength], "D", out value);
    }
}
