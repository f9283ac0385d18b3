namespace Ioasis.Host.Devices;

/// <summary>A file of ours that programs had open, as the <see cref="Closer"/> sees it.</summary>
internal interface IClosable
{
    /// <summary>What it is called in messages.</summary>
    string Name { get; }

    /// <summary>The process that opened it.</summary>
    int Opener { get; }

    /// <summary>
    /// What only one file at a time can have (<see cref="Iommufd.Files.INode.Exclusion"/>); null for none.
    /// </summary>
    object? Exclusion { get; }

    /// <summary>Whether a process opened it, or made a call on it.</summary>
    bool HasUser(int process);

    /// <summary>Lets it go; closes it if nothing else holds it. Can take as long as it likes.</summary>
    void Release();
}
