using System.Text;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.MessageNodes;

/// <summary>
/// /dev/letters: a node as vhost-vdpa's, with ioctls, a page that can be mapped, and messages of 72 bytes that show
/// there. Beside it stands an attribute that takes UUIDs, each once.
/// </summary>
[MachineNode("letters")]
public sealed class LetterBox : IMachineNode
{
    private readonly HashSet<Guid> _created = [];

    public string Path => "/dev/letters";

    public uint Major => 240;

    public uint Minor => 0;

    public uint Mode => 0x1b6;

    public string Driver => "letters";

    public NodeContent Content => NodeContent.Both;

    public IReadOnlyList<uint> MessageSizes => [LetterBoxFile.LetterSize];

    public IEnumerable<VirtualPath> Paths =>
    [
        new VirtualDirectory("/sys/class/letters", Merged: false),
        new VirtualFile("/sys/class/letters/create", () => [], 0x92) { Store = Create, StoreSizes = [36, 37] },
    ];

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new LetterBoxFile(carrier);
        return Errno.None;
    }

    private void Create(ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        bool isUuid = Guid.TryParse(Encoding.ASCII.GetString(text[..36]), out Guid uuid);
        lock (_created) answer(!isUuid ? Errno.EINVAL : _created.Add(uuid) ? Errno.None : Errno.EEXIST);
    }
}

internal sealed class LetterBoxFile(ICarrier carrier) : NodeFile
{
    internal const uint LetterSize = 72;
    private const uint Count = 0xaf70; // _IO(0xaf, 0x70)
    private const ulong Page = 4096, Region = 1UL << 40;

    private readonly SharedBytes _page = carrier.Map(Region, Page);
    private int _letters;

    public override SysResult Ioctl(ICaller caller, uint command, ulong argument) =>
        command == Count ? SysResult.Ok(Volatile.Read(ref _letters)) : Errno.ENOTTY;

    /// <summary>The last letter is what the page shows. It begins with the number 2.</summary>
    public override SysResult WriteMessage(ICaller caller, ulong buffer, ulong count)
    {
        var letter = new byte[LetterSize];
        if (!caller.Memory.TryRead(new Hva(buffer), letter)) return Errno.EFAULT;
        if (letter[0] != 2) return Errno.EINVAL;
        for (int at = 0; at < letter.Length; at += sizeof(ulong))
            _page.Write((ulong)at, BitConverter.ToUInt64(letter, at));
        Interlocked.Increment(ref _letters);
        return SysResult.Ok(letter.Length);
    }

    public override Errno Map(
        ulong offset, ulong length, bool shared, bool readable, bool writable, bool executable) =>
        shared && offset == Region && length == Page ? Errno.None : Errno.EINVAL;

    public override void Close()
    {
    }
}
