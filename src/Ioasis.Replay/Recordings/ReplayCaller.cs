using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Memory;

namespace Ioasis.Replay.Recordings;

/// <summary>The program that a recording is of, for one of its address spaces.</summary>
internal sealed class ReplayCaller(ReplayFiles files) : ICaller
{
    internal ReplayMemory Own { get; } = new();

    /// <summary>The node's file that the call under way opened; null for none.</summary>
    internal NodeFile? Installed { get; set; }

    public AddressSpace Memory => Own;

    public ProcessPins Pins { get; } = new ReplayPins();

    public UserPins UserPins => files.UserPins;

    /// <summary>Whether the program has no capability: the call was not permitted when it was recorded.</summary>
    internal bool LacksRights { get; set; }

    public bool HasCapability(int capability) => !LacksRights;

    public Errno GetFile(int descriptor, out IOpenFile? file)
    {
        file = files.Find(descriptor);
        return file is null ? Errno.EBADF : Errno.None;
    }

    public SysResult InstallFile(INode node)
    {
        Errno errno = files.TryOpen(node, out NodeFile? file);
        if (errno != Errno.None) return errno;
        Installed = file;
        return SysResult.Ok(files.DescriptorOf(file!));
    }

    public SysResult InstallAgain(NodeFile file) => SysResult.Ok(files.DescriptorOf(file));

    public SysResult InstallQueue(QueueFile queue) => SysResult.Ok(files.DescriptorOf(queue));
}

/// <summary>The open files of a replay. Each has one descriptor for good.</summary>
internal sealed class ReplayFiles(Func<INode, NodeFile, NodeFile> opened) : IDisposable
{
    private const int First = 100, Events = 1_000_000, Memories = 2_000_000, Others = 3_000_000;

    private readonly List<NodeFile?> _nodes = [];
    private readonly Dictionary<int, IOpenFile> _named = [];

    // All files share their bytes: a recording has none of them.
    private readonly ReplayPages _pages = new();

    internal UserPins UserPins { get; } = new();

    /// <summary>Whether files have no bytes: the call under way may have found them too short.</summary>
    internal bool AreFilesShort
    {
        get => _pages.AreMissing;
        set => _pages.AreMissing = value;
    }

    internal Errno TryOpen(INode node, out NodeFile? file)
    {
        Errno errno = node.Open(new ReplayCarrier(), out file);
        if (errno == Errno.None) file = opened(node, file!);
        return errno;
    }

    internal int DescriptorOf(NodeFile file)
    {
        int index = _nodes.IndexOf(file);
        if (index < 0)
        {
            index = _nodes.Count;
            _nodes.Add(file);
        }

        return First + index;
    }

    /// <summary>The descriptor of a name that is no node's: event7, memory5, other1, none and so on.</summary>
    internal static int DescriptorOf(string name)
    {
        string digits = name.TrimStart([.. "abcdefghijklmnopqrstuvwxyz"]);
        _ = int.TryParse(digits, out int number);
        return name[..^digits.Length] switch
        {
            "event" => Events + number,
            "memory" => Memories + number,
            "other" => Others + number,
            "none" => -1,
            "negative" => -2,
            _ => Others - 1,
        };
    }

    internal IOpenFile? Find(int descriptor)
    {
        if (descriptor >= First && descriptor - First < _nodes.Count) return _nodes[descriptor - First];
        if (descriptor < Events || descriptor == Others - 1) return null;
        if (descriptor >= Others) return OtherFile.Instance;
        if (!_named.TryGetValue(descriptor, out IOpenFile? file))
            _named[descriptor] = file = descriptor < Memories ? new ReplayEvent() : new ReplayMemoryFile(_pages);
        return file;
    }

    internal void Close(NodeFile file)
    {
        int index = _nodes.IndexOf(file);
        if (index < 0) return;
        _nodes[index] = null;
        file.End();
    }

    public void Dispose()
    {
        // Queues before the files that made them, devices before contexts: as programs close them.
        for (int i = _nodes.Count - 1; i >= 0; i--)
            if (_nodes[i] is { } file) Close(file);
    }
}
